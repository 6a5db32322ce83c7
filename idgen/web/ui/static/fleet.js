/** The table of the fleet: a row a worker, in the order of the answer, kept by address. */

import { html, write, writeOrHide } from "./elements.js";
import { COLUMNS, workerRow } from "./row.js";
import { changeOf, stateOf, summaryOf, twoOwnersOf } from "./words.js";

/** Wire the table, the summary above it, the alarm, the doubt, and what is spoken of changes.
 *
 * show(answer) takes what fleet.json says; mark(workerId) marks the rows of one, null none.
 */
export function fleetTable({ table, summary, alarm, doubt, changes }) {
  table.append(head());
  const rows = new Map();
  const states = new Map();
  let markedId = null;
  let workers = [];

  function show(answer) {
    ({ workers } = answer);
    write(summary, summaryOf(workers));
    writeOrHide(alarm, twoOwnersOf(workers));
    writeOrHide(doubt, answer.trouble && `Workers may be missing: ${answer.trouble}`);
    speak();
    const around = {
      asked: answer.asked,
      nowUnixMs: answer.unix_ms,
      topRate: workers
        .flatMap((worker) => worker.figures?.ids_per_s ?? [])
        .reduce((top, rate) => Math.max(top, rate), 1),
    };
    for (const address of rows.keys()) {
      if (!workers.some((worker) => worker.address === address)) forget(address);
    }
    workers.forEach((worker, place) => {
      const row = rowOf(worker.address);
      const before = table.tBodies[place] ?? null;
      if (before !== row.element) table.insertBefore(row.element, before);
      row.show(worker, around);
    });
    markRows();
    table.hidden = false;
  }

  function rowOf(address) {
    if (!rows.has(address)) rows.set(address, workerRow());
    return rows.get(address);
  }

  function forget(address) {
    rows.get(address).element.remove();
    rows.delete(address);
    states.delete(address);
  }

  function speak() {
    const changed = workers.filter((worker) => {
      const before = states.get(worker.address);
      states.set(worker.address, stateOf(worker));
      return before !== undefined && before !== stateOf(worker);
    });
    if (changed.length) write(changes, changed.map(changeOf).join("; "));
  }

  function mark(workerId) {
    markedId = workerId;
    markRows();
  }

  function markRows() {
    for (const { address, worker_id } of workers) {
      rows.get(address).mark(markedId !== null && worker_id === markedId);
    }
  }

  return { show, mark };
}

function head() {
  const row = html("tr", "", ...COLUMNS.map((name) => columnHeader(name)));
  row.setAttribute("role", "row");
  const element = html("thead", "", row);
  element.setAttribute("role", "rowgroup");
  return element;
}

function columnHeader(name) {
  const cell = html("th", "", name);
  cell.scope = "col";
  cell.setAttribute("role", "columnheader");
  return cell;
}
