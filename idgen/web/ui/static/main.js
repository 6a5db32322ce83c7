/** Wires the parts of the page, and reads the clock and the address for them. */

import { writeOrHide } from "./elements.js";
import { explainer } from "./explained.js";
import { fleetTable } from "./fleet.js";
import { headroom } from "./headroom.js";
import { utcClock } from "./moments.js";
import { poll } from "./poll.js";

const FLEET = "fleet.json";
const TICK_MS = 1000;

const byId = (id) => document.getElementById(id);
const clock = () => Date.now();
const epochMs = Number(document.documentElement.dataset.epochMs);

const fleet = fleetTable({
  table: byId("workers"),
  summary: byId("summary"),
  alarm: byId("two-owners"),
  doubt: byId("doubt"),
  changes: byId("changes"),
});
const room = headroom(byId("headroom"), epochMs);
const input = byId("id");
const explained = explainer(input, byId("id-told"), byId("explained"), epochMs, clock, fleet.mark);

function tick() {
  explained.tick();
  room.showYears(clock());
}

input.value = new URLSearchParams(location.search).get("id") ?? "";
explained.show(input.value);
input.addEventListener("input", () => {
  const isId = explained.show(input.value);
  keepInAddress(isId ? input.value.trim() : "");
});
tick();
setInterval(tick, TICK_MS);

let newest = "no figures yet";
poll(
  FLEET,
  (answer) => {
    newest = `figures are of ${utcClock(answer.unix_ms)}`;
    tellFailure("");
    fleet.show(answer);
    room.showPeak(answer.workers);
  },
  (failure) => {
    tellFailure(`${location.host} ${failure}; ${newest}. Other processes show the fleet too.`);
  },
);

/** Say why there are no figures of now, and show the old ones as such. */
function tellFailure(told) {
  writeOrHide(byId("unheard"), told);
  for (const id of ["workers", "summary", "headroom"]) {
    byId(id).classList.toggle("outdated", Boolean(told));
  }
}

/** Have the page's address name the ID, so that it can be sent to somebody. */
function keepInAddress(id) {
  const url = new URL(location.href);
  if (id) url.searchParams.set("id", id);
  else url.searchParams.delete("id");
  if (url.href !== location.href) history.replaceState(null, "", url);
}
