/** The part of the page that explains an ID.  It asks no server. */

import { bitsFigure } from "./bits.js";
import { html, write } from "./elements.js";
import { idOf, NoId, unpack } from "./id.js";
import { distance, local, utc } from "./moments.js";

const HINT = "Paste one from a log, such as 2248254318702493695 or 0x1f3367641effffff.";
const COPIED_MS = 2000;

/** Wire the input, what is told of it, and the room for the ID explained.
 *
 * onWorker hears the worker_id of the ID that is shown, or null.  Answers show(text) and
 * tick(), which says anew how long ago that was.
 */
export function explainer(input, told, room, epochMs, clock, onWorker) {
  const figure = bitsFigure(epochMs);
  const values = valueList();
  room.append(figure.element, values.element);
  let shown = null;

  function show(text) {
    const { message, ...read } = reading(text, epochMs);
    shown = read.id === undefined ? null : read;
    if (shown) {
      figure.show(shown.id, shown);
      tick();
    }
    room.hidden = !shown;
    const isWrong = Boolean(!shown && text.trim());
    input.setAttribute("aria-invalid", String(isWrong));
    told.className = shown ? "only-spoken" : isWrong ? "wrong" : "hint";
    write(told, message);
    onWorker(shown ? shown.workerId : null);
    return Boolean(shown);
  }

  function tick() {
    if (shown) values.show(shown, clock());
  }

  return { show, tick };
}

/** The ID and its parts, if that is one; and what is told of it. */
function reading(text, epochMs) {
  if (!text.trim()) return { message: HINT };
  try {
    const id = idOf(text);
    const parts = unpack(id, epochMs);
    const { unixMs, workerId, sequence } = parts;
    const message = `${utc(unixMs)}, worker_id ${workerId}, sequence ${sequence}`;
    return { id, ...parts, message };
  } catch (error) {
    if (!(error instanceof NoId)) throw error;
    return { message: error.message };
  }
}

function valueList() {
  const time = html("span", "time");
  const ago = html("span", "ago");
  const here = html("span");
  const unixMs = html("span");
  const decimal = html("span");
  const hex = html("span");
  const list = html(
    "dl",
    "values",
    ...row("time", time, " ", ago),
    ...row("local time", here),
    ...row("unix_ms", unixMs),
    ...row("decimal", decimal, " ", copyButton(decimal, "decimal")),
    ...row("hex", hex, " ", copyButton(hex, "hex")),
  );

  function show(shown, nowUnixMs) {
    write(time, utc(shown.unixMs));
    write(ago, distance(shown.unixMs, nowUnixMs));
    write(here, local(shown.unixMs));
    write(unixMs, String(shown.unixMs));
    write(decimal, String(shown.id));
    write(hex, `0x${shown.id.toString(16)}`);
  }

  return { element: list, show };
}

function row(name, ...children) {
  return [html("dt", "", name), html("dd", "", ...children)];
}

function copyButton(source, name) {
  const word = html("span", "", "Copy");
  const button = html("button", "", word, html("span", "only-spoken", ` ${name}`));
  button.type = "button";
  button.addEventListener("click", async () => {
    // Selected too: browsers have no clipboard for pages over plain HTTP from other machines.
    getSelection().selectAllChildren(source);
    if (!navigator.clipboard) return;
    await navigator.clipboard.writeText(source.textContent);
    write(word, "Copied");
    setTimeout(() => write(word, "Copy"), COPIED_MS);
  });
  return button;
}
