/** The mark of a state: a shape of its own for each, so that it needs no colour to be told. */

import { set, svg } from "./elements.js";

const SHAPES = {
  serving: "M8 1a7 7 0 1 0 0 14a7 7 0 0 0 0-14M4.7 8.2l2.3 2.3l4.4-4.6",
  refusing: "M8 1.5L15 14.5H1zM8 6v4M8 11.8v.6",
  silent: "M8 1a7 7 0 1 0 0 14a7 7 0 0 0 0-14M5 8h6",
  "two-owners": "M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.5 5.5l5 5M10.5 5.5l-5 5",
};

/** An SVG, and a function that has it show a state of words.js. */
export function stateMark() {
  const path = svg("path", {});
  const element = svg("svg", { class: "mark", viewBox: "0 0 16 16", "aria-hidden": "true" }, path);
  return { element, show: (state) => set(path, { d: SHAPES[state] }) };
}
