/** Draws the bits of an ID: four groups of cells, each with its name and value. */

import { html, write } from "./elements.js";
import { groups, MAX_SEQUENCE, MAX_WORKER_ID } from "./id.js";
import { utc } from "./moments.js";

/** A figure, and a function that has it show an ID and its parts. */
export function bitsFigure(epochMs) {
  const figure = html("figure", "bits");
  figure.setAttribute("aria-label", "The 64 bits of the ID");
  const drawn = groups(0n).map((group) => drawnGroup(group));
  figure.append(...drawn.map((each) => each.element));

  function show(id, parts) {
    const meanings = {
      sign: ["", ""],
      timestamp: [parts.timestamp, `ms since ${utc(epochMs)}`],
      worker_id: [parts.workerId, `of 0 to ${MAX_WORKER_ID}`],
      sequence: [parts.sequence, `of 0 to ${MAX_SEQUENCE}`],
    };
    groups(id).forEach((group, place) => drawn[place].show(group, ...meanings[group.name]));
  }

  return { element: figure, show };
}

function drawnGroup({ name, digits, firstBit, lastBit }) {
  const cells = [...digits].map(() => html("span"));
  const row = html("div", "cells", ...cells);
  row.setAttribute("role", "img");
  const ends = firstBit === lastBit ? [firstBit] : [firstBit, lastBit];
  const numbers = html("div", "ends", ...ends.map((end) => html("span", "", String(end))));
  numbers.setAttribute("aria-hidden", "true"); // the row's own label has them
  const value = html("span", "value");
  const unit = html("span", "unit");
  const meaning = html("p", "", html("span", "name", name), " ", value, " ", unit);

  function show(group, number, ofWhat) {
    [...group.digits].forEach((digit, place) => {
      write(cells[place], digit);
      cells[place].className = digit === "1" ? "one" : "zero";
    });
    const where = ends.length > 1 ? `bits ${firstBit} to ${lastBit}` : `bit ${firstBit}`;
    row.setAttribute("aria-label", `${name}, ${where}: ${group.digits}`);
    write(value, String(number));
    write(unit, ofWhat);
  }

  return { element: html("div", `group ${name}`, numbers, row, meaning), show };
}
