/** Numbers in words.  Pure. */

const WHOLE = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });
const ONE_PLACE = new Intl.NumberFormat("en-GB", {
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});

/** A whole number with its thousands apart: 4,096. */
export function whole(number) {
  return WHOLE.format(number);
}

/** With one place behind the point: 3.2. */
export function onePlace(number) {
  return ONE_PLACE.format(number);
}

/** A part of a whole, 0..1, as 0.3 %; what is there at all never reads as nothing. */
export function percent(share) {
  return share > 0 && share < 0.001 ? "less than 0.1 %" : `${onePlace(share * 100)} %`;
}

/** With a sign that is as wide as a digit: +3.2, −3.2, 0.0. */
export function signed(number) {
  const text = onePlace(Math.abs(number));
  if (text === "0.0") return text;
  return (number < 0 ? "−" : "+") + text;
}
