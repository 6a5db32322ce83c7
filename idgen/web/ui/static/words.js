/** What is told of a worker, and of the fleet, in words.  Pure. */

import { distance, utcClock } from "./moments.js";
import { signed, whole } from "./numbers.js";

// More than this apart, and a clock is called off: Redis's grants are refused there too.
const OFFSET_LIMIT_MS = 1000;
// An extension comes after half of a grant at the latest; with less left, it is late.
const LOW_GRANT = 1 / 4;

/** How the worker is: two-owners, serving, refusing or silent; the worst first. */
export function stateOf(worker) {
  return worker.two_owners ? "two-owners" : worker.state;
}

/** The same for people. */
export function stateInWords(worker) {
  return { "two-owners": "two owners", silent: "silent" }[stateOf(worker)] ?? worker.state;
}

/** What people should know of a worker beside its figures; "" while all is well. */
export function noteOf(worker, nowUnixMs) {
  const notes = [];
  if (worker.two_owners) {
    notes.push(`another process has worker_id ${worker.worker_id} too: stop one of them at once`);
  }
  if (worker.state === "silent") notes.push(silence(worker, nowUnixMs));
  else if (worker.detail) notes.push(withTimes(worker.detail));
  return notes.join("; ");
}

function silence(worker, nowUnixMs) {
  const why = worker.detail ? ` (${withTimes(worker.detail)})` : "";
  if (worker.heard_unix_ms === null) return `has not answered yet${why}`;
  // The clock of the process that was asked may have been set back since.
  const isPast = worker.heard_unix_ms <= nowUnixMs;
  const ago = isPast ? ` ${distance(worker.heard_unix_ms, nowUnixMs)}` : "";
  return (
    `stopped answering${ago}${why}; ` +
    `its figures are the last known ones, of ${utcClock(worker.heard_unix_ms)}`
  );
}

/** Unix milliseconds that a process has told, with the time of day beside them. */
function withTimes(text) {
  return text.replace(/\b\d{13}\b/g, (unixMs) => `${unixMs} (${utcClock(Number(unixMs))})`);
}

/** A worker in words that can be read out: worker 3. */
export function nameOf({ worker_id, address }) {
  return worker_id === null ? address : `worker ${worker_id}`;
}

/** What is wrong with a worker, or right again, as a change worth hearing of. */
export function changeOf(worker) {
  return `${nameOf(worker)} at ${worker.address}: ${stateInWords(worker)}`;
}

/** 2 of 2 workers serve, 240 IDs a second. */
export function summaryOf(workers) {
  const serving = count(workers, "serving");
  const total = `${workers.length} ${workers.length === 1 ? "worker" : "workers"}`;
  const others = ["refusing", "silent"]
    .map((state) => [count(workers, state), state])
    .filter(([number]) => number)
    .map(([number, state]) => `, ${whole(number)} ${number === 1 ? "is" : "are"} ${state}`);
  const rate = workers.map(rateNow).reduce((sum, each) => sum + each, 0);
  const verb = serving === 1 ? "serves" : "serve";
  const ids = rate === 1 ? "1 ID" : `${whole(rate)} IDs`;
  return `${serving} of ${total} ${verb}${others.join("")}, ${ids} a second`;
}

/** Who has to be stopped; "" where each worker_id has one owner. */
export function twoOwnersOf(workers) {
  const owners = new Map();
  for (const { two_owners, worker_id, address } of workers) {
    if (two_owners) owners.set(worker_id, [...(owners.get(worker_id) ?? []), address]);
  }
  return [...owners]
    .map(([id, addresses]) => {
      const [many, stop] = addresses.length === 2 ? ["two", "one"] : [addresses.length, "all but one"];
      const fact = `worker_id ${id} has ${many} owners: ${addresses.join(" and ")}`;
      return `${fact}. They can give the same ID twice: stop ${stop} at once.`;
    })
    .join(" ");
}

/** IDs of its newest second; 0 where it doesn't answer. */
export function rateNow(worker) {
  return worker.state === "silent" ? 0 : (worker.figures?.ids_per_s.at(-1) ?? 0);
}

/** The clock offset with its error, and whether it is off for sure. */
export function offsetOf(worker) {
  if (worker.offset_ms === null) return { text: "unknown", isOff: false };
  const error = (worker.round_trip_ms ?? 0) / 2;
  const isOff = Math.abs(worker.offset_ms) - error > OFFSET_LIMIT_MS;
  const [unit, divisor] = Math.abs(worker.offset_ms) < OFFSET_LIMIT_MS ? ["ms", 1] : ["s", 1000];
  const text = `${signed(worker.offset_ms / divisor)} ${unit}`;
  return { text: unit === "ms" ? `${text} ± ${error.toFixed(1)}` : text, isOff };
}

/** What is left of the grant, of how much, and whether that is little. */
export function grantOf({ grant_remaining_ms: leftMs, grant_ms: wholeMs }) {
  const ofWhole = leftMs <= wholeMs ? ` of ${wholeMs / 1000}` : ""; // longer after a step back
  const words = leftMs > 0 ? `${(leftMs / 1000).toFixed(1)}${ofWhole} s` : "none";
  return { words, share: Math.min(1, leftMs / wholeMs), isLow: leftMs < wholeMs * LOW_GRANT };
}

function count(workers, state) {
  return workers.filter((worker) => worker.state === state).length;
}
