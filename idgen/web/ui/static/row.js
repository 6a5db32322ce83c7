/** One worker's row of the table: its cells are made once, and then changed in place. */

import { bar } from "./bar.js";
import { html, write, writeOrHide } from "./elements.js";
import { errorsList } from "./errors.js";
import { distance, duration, utcWithin } from "./moments.js";
import { whole } from "./numbers.js";
import { sparkline } from "./sparkline.js";
import { stateMark } from "./state.js";
import { grantOf, nameOf, noteOf, offsetOf, stateInWords, stateOf } from "./words.js";

export const COLUMNS = [
  "worker_id",
  "address",
  "state",
  "IDs a second",
  "errors",
  "clock offset",
  "grant left",
  "last ID",
];

// A last ID that is so far ahead of its worker's clock tells of a clock that was set back.
const AHEAD_MS = 1000;

/** A tbody of two rows: the figures, and a note that is there when something has to be said.
 *
 * show(worker, around) has it show what fleet.json tells of the worker; around: nowUnixMs by the
 * clock of the process that was asked, topRate of the whole fleet.  mark(is) marks it as the
 * worker of the ID that is explained.
 */
export function workerRow() {
  const cells = [id(), address(), state(), rate(), errorsList(), offset(), grant(), last()];
  const figures = html("tr", "", ...cells.map((cell, place) => tableCell(cell.nodes, place)));
  figures.setAttribute("role", "row");
  const note = html("td", "note");
  note.colSpan = COLUMNS.length;
  note.setAttribute("role", "cell");
  const noteRow = html("tr", "", note);
  noteRow.setAttribute("role", "row");
  const element = html("tbody", "", figures, noteRow);
  element.setAttribute("role", "rowgroup");

  function show(worker, around) {
    element.className = stateOf(worker);
    for (const cell of cells) cell.show(worker, worker.figures, around);
    const text = noteOf(worker, around.nowUnixMs);
    write(note, text);
    noteRow.hidden = !text;
  }

  return { element, show, mark: cells[0].mark };
}

function tableCell(nodes, place) {
  const cell = html(place === 0 ? "th" : "td", "", html("div", "", ...nodes));
  if (place === 0) cell.scope = "row";
  cell.setAttribute("role", place === 0 ? "rowheader" : "cell");
  cell.dataset.name = COLUMNS[place];
  return cell;
}

function id() {
  const number = html("span", "number");
  const marked = html("span", "marked", "of the ID above");
  marked.hidden = true;
  return {
    nodes: [number, " ", marked],
    show: (worker) => write(number, String(worker.worker_id ?? "none yet")),
    mark: (is) => (marked.hidden = !is),
  };
}

function address() {
  const name = html("span", "number");
  const version = html("span", "small");
  return {
    nodes: [name, " ", version],
    show: (worker, figures) => {
      write(name, worker.address);
      if (!figures) return write(version, "");
      const upMs = figures.unix_ms - figures.started_unix_ms;
      write(version, `${figures.version}, up ${duration(Math.max(0, upMs))}`);
    },
  };
}

function state() {
  const mark = stateMark();
  const word = html("span", "word");
  return {
    nodes: [mark.element, word],
    show: (worker) => {
      mark.show(stateOf(worker));
      write(word, stateInWords(worker));
    },
  };
}

function rate() {
  const number = html("span", "number");
  const line = sparkline();
  return {
    nodes: [number, " ", line.element],
    show: (worker, figures, { nowUnixMs, topRate }) => {
      const rates = figures?.ids_per_s ?? [];
      const isSilent = worker.state === "silent";
      const now = rates.length ? whole(rates.at(-1)) : "–";
      write(number, isSilent && rates.length ? `was ${now}` : now);
      const ageS = isSilent ? (nowUnixMs - worker.heard_unix_ms) / 1000 : 0;
      line.show(nameOf(worker), rates, topRate, ageS);
    },
  };
}

function offset() {
  const number = html("span", "number");
  const other = html("span", "small");
  return {
    nodes: [number, " ", other],
    show: (worker, figures, { asked }) => {
      const { text, isOff } = offsetOf(worker);
      write(number, text);
      number.classList.toggle("bad", isOff);
      const skew = figures?.skew_ms ?? null;
      const beside = skew === null ? "" : `to Redis ${offsetOf({ offset_ms: skew }).text}`;
      const alarm = isOff ? "over 1 s from the one asked" : beside;
      writeOrHide(other, worker.address === asked ? beside || "the one asked" : alarm);
    },
  };
}

function grant() {
  const text = html("span", "number");
  const little = html("span", "small bad");
  const left = bar();
  return {
    nodes: [text, " ", left.element, " ", little],
    show: (worker, figures) => {
      left.element.toggleAttribute("hidden", !figures);
      if (!figures) return write(text, "–"); // there were never any
      const { words, share, isLow } = grantOf(figures);
      const isSilent = worker.state === "silent";
      write(text, isSilent ? `was ${words}` : words);
      left.show(isSilent ? 0 : share);
      writeOrHide(little, isLow && worker.state === "serving" ? "nearly out" : "");
    },
  };
}

function last() {
  const time = html("span", "number");
  const ago = html("span", "small");
  return {
    nodes: [time, " ", ago],
    show: (worker, figures, { nowUnixMs }) => {
      const unixMs = figures?.last_unix_ms ?? null;
      write(time, unixMs === null ? "none yet" : utcWithin(unixMs, nowUnixMs));
      // By the worker's own clock, so that an offset doesn't look like an age.
      const itsNowUnixMs = figures ? figures.unix_ms + nowUnixMs - worker.heard_unix_ms : 0;
      const aheadMs = unixMs - itsNowUnixMs;
      const isAhead = aheadMs >= AHEAD_MS;
      const words = isAhead ? `${duration(aheadMs)} ahead of its clock` : distance(aheadMs, 0);
      writeOrHide(ago, unixMs === null ? "" : words);
    },
  };
}
