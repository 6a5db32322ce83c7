/** How much is left: of the IDs of a millisecond, and of the years of the timestamp. */

import { bar } from "./bar.js";
import { html, write, writeOrHide } from "./elements.js";
import { IDS_PER_MS, lastUnixMs, MAX_TIMESTAMP } from "./id.js";
import { utc } from "./moments.js";
import { onePlace, percent, whole } from "./numbers.js";
import { nameOf } from "./words.js";

const YEAR_MS = 365.2425 * 86_400_000;

/** Fill the room; showPeak(workers) and showYears(nowUnixMs) have it show what is so. */
export function headroom(room, epochMs) {
  const peak = gauge("IDs of one millisecond, at the peak of the last 3 minutes");
  const years = gauge("41 bits of timestamp");
  room.append(peak.element, years.element);

  function showPeak(workers) {
    const busiest = busiestOf(workers);
    if (!busiest) return peak.show("unknown", 0, "no worker answers");
    const share = busiest.peak / IDS_PER_MS;
    const text = `${whole(busiest.peak)} of ${whole(IDS_PER_MS)} (${percent(share)})`;
    peak.show(text, share, busiest.peak ? `by ${busiest.name}, the busiest` : "");
  }

  function showYears(nowUnixMs) {
    const leftMs = lastUnixMs(epochMs) - nowUnixMs;
    const share = Math.min(1, Math.max(0, (nowUnixMs - epochMs) / MAX_TIMESTAMP));
    const until = `${percent(share)} used; the last ID is of ${utc(lastUnixMs(epochMs))}`;
    years.show(leftMs > 0 ? `${onePlace(leftMs / YEAR_MS)} years left` : "used up", share, until);
    years.element.classList.toggle("danger", leftMs < YEAR_MS);
  }

  return { showPeak, showYears };
}

/** Of the workers that answer, the one with the highest peak; null where none does. */
function busiestOf(workers) {
  const peaks = workers
    .filter(({ state, figures }) => state !== "silent" && figures)
    .map((worker) => ({
      name: nameOf(worker),
      peak: Math.max(0, ...worker.figures.peak_per_ms),
    }));
  return peaks.reduce((most, each) => (most && most.peak >= each.peak ? most : each), null);
}

function gauge(name) {
  const figure = html("p", "figure", "unknown");
  const filled = bar();
  const more = html("p", "small");
  const element = html("div", "gauge", html("h3", "", name), figure, filled.element, more);
  return {
    element,
    show: (text, share, beside) => {
      write(figure, text);
      filled.show(share);
      writeOrHide(more, beside);
    },
  };
}
