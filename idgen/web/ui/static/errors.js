/** The errors of a worker by reason, and how many a second come on top just now. */

import { html, write } from "./elements.js";
import { whole } from "./numbers.js";

/** The cell's nodes, and a function that has them show the errors of a worker's figures. */
export function errorsList() {
  const list = html("span", "errors");
  const none = html("span", "", "none");
  list.append(none);
  const lines = new Map();
  let before = null;

  function show(_, figures) {
    const counts = Object.entries(figures?.errors ?? {}).filter(([, number]) => number > 0);
    const rates = ratesSince(before, figures);
    if (figures) before = { ...figures, rates };
    for (const [reason, line] of lines) {
      if (!counts.some(([each]) => each === reason)) line.element.hidden = true;
    }
    for (const [reason, number] of counts) lineOf(reason).show(number, rates[reason] ?? 0);
    none.hidden = counts.length > 0;
  }

  function lineOf(reason) {
    if (!lines.has(reason)) {
      const line = errorLine(reason);
      lines.set(reason, line);
      list.append(line.element);
    }
    return lines.get(reason);
  }

  return { nodes: [list], show };
}

function errorLine(reason) {
  const number = html("span", "number");
  const rate = html("span", "bad");
  const count = html("span", "count", number, " ", rate);
  const element = html("span", "error", html("span", "small", reason), " ", count);
  return {
    element,
    show: (counted, perS) => {
      element.hidden = false;
      write(number, whole(counted));
      write(rate, perS > 0 ? `+${whole(Math.ceil(perS))}/s` : "");
    },
  };
}

/** Errors a second of each reason, between these figures of one process. */
function ratesSince(before, figures) {
  if (!before || !figures || before.instance !== figures.instance) return {};
  const seconds = (figures.unix_ms - before.unix_ms) / 1000;
  if (seconds === 0) return before.rates; // the same answer, told twice
  const rates = Object.entries(figures.errors).map(([reason, number]) => [
    reason,
    (number - (before.errors[reason] ?? 0)) / Math.abs(seconds),
  ]);
  return Object.fromEntries(rates);
}
