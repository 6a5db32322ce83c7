/** The bits of an ID: what is written, as a number, and its parts.  Pure.
 *
 *     63 62                                   22 21        12 11         0
 *     ┌─┬───────────────────────────────────────┬────────────┬────────────┐
 *     │0│ timestamp: 41 bits, ms since the epoch│ worker_id  │  sequence  │
 *     └─┴───────────────────────────────────────┴────────────┴────────────┘
 */

export const TIMESTAMP_BITS = 41;
export const WORKER_ID_BITS = 10;
export const SEQUENCE_BITS = 12;

export const MAX_TIMESTAMP = 2 ** TIMESTAMP_BITS - 1;
export const MAX_WORKER_ID = 2 ** WORKER_ID_BITS - 1;
export const MAX_SEQUENCE = 2 ** SEQUENCE_BITS - 1;
export const IDS_PER_MS = MAX_SEQUENCE + 1;

const WORKER_ID_SHIFT = SEQUENCE_BITS;
const TIMESTAMP_SHIFT = SEQUENCE_BITS + WORKER_ID_BITS;
const ID_BITS = TIMESTAMP_SHIFT + TIMESTAMP_BITS;
const MAX_ID = (1n << BigInt(ID_BITS)) - 1n;

const ALLOWED = `a whole number from 0 to ${MAX_ID}, in decimal or in hex with 0x`;
const MAX_SHOWN = 64;

/** What is written is no ID; the message repeats it and says what is allowed. */
export class NoId extends Error {}

/** The number that is written there, a BigInt.  Throws NoId where that is no ID.
 *
 * Blanks, a pair of quotes and a comma that came along from a log are no part of it.
 */
export function idOf(text) {
  const bare = withoutSurroundings(text);
  if (!/^(0[xX][0-9a-fA-F]{1,16}|[0-9]{1,19})$/.test(bare)) {
    throw new NoId(`${shown(bare)} is no ID; an ID is ${ALLOWED}`);
  }
  const id = BigInt(bare);
  if (id > MAX_ID) throw new NoId(`${shown(bare)} is too large; an ID is ${ALLOWED}`);
  return id;
}

/** An ID's parts, in plain numbers: ms since the epoch, Unix milliseconds, 0..1023, 0..4095. */
export function unpack(id, epochMs) {
  const timestamp = Number(id >> BigInt(TIMESTAMP_SHIFT));
  return {
    timestamp,
    unixMs: timestamp + epochMs,
    workerId: Number(id >> BigInt(WORKER_ID_SHIFT)) & MAX_WORKER_ID,
    sequence: Number(id & BigInt(MAX_SEQUENCE)),
  };
}

/** The 64 bits in their groups, highest first: name, digits, and the numbers of the end bits. */
export function groups(id) {
  const digits = id.toString(2).padStart(ID_BITS + 1, "0");
  let above = ID_BITS + 1;
  return [
    ["sign", 1],
    ["timestamp", TIMESTAMP_BITS],
    ["worker_id", WORKER_ID_BITS],
    ["sequence", SEQUENCE_BITS],
  ].map(([name, bits]) => {
    const start = ID_BITS + 1 - above;
    above -= bits;
    return {
      name,
      digits: digits.slice(start, start + bits),
      firstBit: above + bits - 1,
      lastBit: above,
    };
  });
}

/** The last millisecond that an ID can carry. */
export function lastUnixMs(epochMs) {
  return epochMs + MAX_TIMESTAMP;
}

function withoutSurroundings(text) {
  const bare = text.trim().replace(/,$/, "").trimEnd();
  return /^(["'])(.*)\1$/.exec(bare)?.[2].trim() ?? bare;
}

function shown(text) {
  const characters = [...text];
  const start = characters.slice(0, MAX_SHOWN).join("");
  return `'${start}${characters.length > MAX_SHOWN ? "…" : ""}'`;
}
