/** Moments in words: Unix milliseconds as people write them.  Pure, but for the time zone. */

const YEAR_D = 365.2425;

/** The two largest units, not rounded: 8s, 4m12s, 3h07m, 12d03h, 9y275d. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (!minutes) return `${seconds}s`;
  if (!hours) return `${minutes}m${padded(seconds % 60)}s`;
  if (!days) return `${hours}h${padded(minutes % 60)}m`;
  const years = Math.floor(days / YEAR_D);
  if (!years) return `${days}d${padded(hours % 24)}h`;
  return `${years}y${Math.floor(days - years * YEAR_D)}d`;
}

/** 4m12s ago, just now, or in 8s. */
export function distance(unixMs, nowUnixMs) {
  const ms = nowUnixMs - unixMs;
  if (Math.abs(ms) < 1000) return "just now";
  return ms > 0 ? `${duration(ms)} ago` : `in ${duration(-ms)}`;
}

/** 2026-11-21 00:00:00.123 UTC; the plain number where no calendar reaches so far. */
export function utc(unixMs) {
  const date = new Date(unixMs);
  if (Number.isNaN(date.getTime())) return `${unixMs} ms since 1970`;
  return date.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** The time alone if it is of today, else with its date; today is a moment of the same day. */
export function utcWithin(unixMs, nowUnixMs) {
  const text = utc(unixMs);
  const [day] = utc(nowUnixMs).split(" ");
  return text.startsWith(`${day} `) ? text.slice(day.length + 1) : text;
}

/** 12:03:04 UTC. */
export function utcClock(unixMs) {
  return utc(unixMs).replace(/^\S+ (\d+:\d+:\d+)\.\d+/, "$1");
}

/** 2026-11-21 01:00:00.123 GMT+1 (Europe/Berlin): where the browser is. */
export function local(unixMs) {
  const date = new Date(unixMs);
  if (Number.isNaN(date.getTime())) return utc(unixMs);
  const day = [padded(date.getFullYear(), 4), padded(date.getMonth() + 1), padded(date.getDate())];
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => padded(part));
  const ms = padded(date.getMilliseconds(), 3);
  return `${day.join("-")} ${time.join(":")}.${ms} ${zoneName(date)}`;
}

function zoneName(date) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" });
  const short = format.formatToParts(date).find((part) => part.type === "timeZoneName").value;
  const zone = format.resolvedOptions().timeZone;
  return zone === short ? short : `${short} (${zone})`;
}

function padded(number, digits = 2) {
  return String(number).padStart(digits, "0");
}
