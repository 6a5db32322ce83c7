/** A bar that is filled up to a share.  Its figure stands beside it in words, so it is silent. */

import { set, svg } from "./elements.js";

/** An SVG, and a function that fills it up to a share, 0..1. */
export function bar() {
  const fill = svg("rect", { class: "fill", height: "100%", width: 0 });
  const element = svg(
    "svg",
    { class: "bar", "aria-hidden": "true" },
    svg("rect", { class: "whole", height: "100%", width: "100%" }),
    fill,
  );
  return {
    element,
    show: (share) => set(fill, { width: `${(share * 100).toFixed(2)}%` }),
  };
}
