/** IDs a second of the last minutes as a line, one pixel a second, the newest at the right. */

import { set, svg, write } from "./elements.js";
import { whole } from "./numbers.js";

export const HISTORY_S = 180;
const HEIGHT = 28;
const TOP = 2; // of the line's own width

let made = 0;

/** An SVG, and a function that has it show these rates, oldest first.
 *
 * top: the rate at the upper edge, for all lines of a table; age_s: how old the newest one is.
 */
export function sparkline() {
  made += 1;
  const title = svg("title", { id: `sparkline-${made}-title` });
  const description = svg("desc", { id: `sparkline-${made}-description` });
  const area = svg("path", { class: "area" });
  const line = svg("path", { class: "line" });
  const element = svg(
    "svg",
    {
      class: "sparkline",
      role: "img",
      viewBox: `0 0 ${HISTORY_S} ${HEIGHT}`,
      preserveAspectRatio: "none",
      "aria-labelledby": `${title.id} ${description.id}`,
    },
    title,
    description,
    area,
    line,
  );

  function show(workerName, rates, top, ageS) {
    write(title, `IDs a second of ${workerName}`);
    write(description, spoken(rates, ageS));
    const points = pointsOf(rates, top, ageS);
    set(line, { d: points.length ? `M${points.join("L")}` : "" });
    set(area, { d: areaUnder(points) });
  }

  return { element, show };
}

/** The picture in words. */
export function spoken(rates, ageS = 0) {
  if (!rates.length) return "none known yet";
  const now = `${whole(rates.at(-1))} a second ${ageS ? "when it last answered" : "now"}`;
  return `${now}, at most ${whole(Math.max(...rates))} in ${HISTORY_S / 60} minutes`;
}

function pointsOf(rates, top, ageS) {
  const start = HISTORY_S - rates.length - Math.round(ageS) + 1;
  const scale = (HEIGHT - TOP) / Math.max(top, 1);
  return rates
    .map((rate, place) => [start + place, (HEIGHT - rate * scale).toFixed(1)])
    .filter(([second]) => second >= 0)
    .map(([second, y]) => `${second},${y}`);
}

function areaUnder(points) {
  if (!points.length) return "";
  const [first, last] = [points[0], points.at(-1)].map((point) => point.split(",")[0]);
  return `M${first},${HEIGHT}L${points.join("L")}L${last},${HEIGHT}Z`;
}
