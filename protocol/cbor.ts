/**
 * Deterministic CBOR (RFC 8949 §4.2.1) with the project's subset: integers up to 2^53-1, byte and text strings, arrays,
 * maps with integers or text as keys, booleans, null and tag 4 (decimal fraction). No floats, no indefinite lengths, no
 * other tags, no text that is not UTF-8 or begins with U+FEFF, nesting up to 32 (docs/format.md §1).
 * The codec is cborg; this file adds the refusal of everything that is valid CBOR but not in the subset.
 */
import { decode, Tagged, encode as write } from 'cborg';
import { copyBytes, decodeUtf8, equalBytes } from './bytes.ts';
import { type Decimal, isDecimal, type SensorValue, type Special } from './decimal.ts';
import { Fault } from './fault.ts';

/** What the subset can hold. Maps keep the order of their keys on the wire. */
export type CborValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Tagged
  | readonly CborValue[]
  | ReadonlyMap<number | string, CborValue>;

/** Deepest nesting of arrays, maps and tags that is read. */
export const MAX_NESTING = 32;

const DECIMAL_FRACTION = 4; // RFC 8949 §3.4.4

/** Deterministic encoding; map keys are sorted bytewise. */
export function encodeCbor(value: CborValue): Uint8Array {
  // The codec's own order of keys is RFC 8949's where keys are integers and text, and twice as fast as its option for it.
  // In Node the codec may return a Buffer, whose `slice` is a view.
  return copyBytes(write(value));
}

const READING = {
  useMaps: true,
  strict: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
  tags: { [DECIMAL_FRACTION]: Tagged.decoder(DECIMAL_FRACTION) },
};

/** Items (each array, map, key, value) that are read unless a caller allows more: a few octets must not become gigabytes. */
const MAX_ITEMS = 1024;

/**
 * The value of bytes that are exactly one deterministic item of at most `maxItems` in all. Throws `malformed`,
 * `not-canonical`, `too-large`.
 */
export function decodeCbor(bytes: Uint8Array, maxItems = MAX_ITEMS): CborValue {
  assertDeterministic(bytes, maxItems);
  try {
    return decode(bytes, READING) as CborValue;
  } catch {
    throw new Fault('malformed', 'not in the CBOR subset');
  }
}

/** Tag 4 for a number, text for a special value. */
export function sensorValueToCbor(value: SensorValue): CborValue {
  return isDecimal(value) ? new Tagged(DECIMAL_FRACTION, [value.exponent, value.mantissa]) : value;
}

const LAST_INSTANT = Date.UTC(10_000, 0) - 1;

const SPECIALS: ReadonlySet<CborValue> = new Set<Special>(['NaN', 'NRes', '+INF', '-INF', 'RFU']);

/** Reverse of {@link sensorValueToCbor}; throws `malformed`. */
export function sensorValueFromCbor(value: CborValue | undefined): SensorValue {
  if (value !== undefined && SPECIALS.has(value)) return value as Special;
  if (value instanceof Tagged && Array.isArray(value.value)) {
    const [exponent, mantissa, ...more] = value.value as unknown[];
    if (isSafe(exponent) && Math.abs(exponent) <= 128 && isSafe(mantissa) && more.length === 0) {
      return { mantissa, exponent } satisfies Decimal;
    }
  }
  throw new Fault('malformed', 'not a decimal fraction or special value');
}

function isSafe(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/**
 * Reads typed fields out of a map with integer keys and refuses what is missing, of another type, or not asked for.
 * Every getter throws `malformed`; call {@link CborFields.end} after the last one.
 */
export class CborFields {
  readonly #map: ReadonlyMap<number | string, CborValue>;
  readonly #asked = new Set<number | string>();

  constructor(value: CborValue | undefined) {
    if (!(value instanceof Map)) throw new Fault('malformed', 'not a map');
    this.#map = value;
  }

  has(key: number): boolean {
    return this.#map.has(key);
  }

  any(key: number): CborValue | undefined {
    this.#asked.add(key);
    return this.#map.get(key);
  }

  int(key: number): number {
    const value = this.any(key);
    if (!isSafe(value)) throw new Fault('malformed', `field ${key} is not an integer`);
    return value;
  }

  uint(key: number): number {
    const value = this.int(key);
    if (value < 0) throw new Fault('malformed', `field ${key} is negative`);
    return value;
  }

  /** Milliseconds since 1970, until the end of the year 9999: all that RFC 3339 can write. */
  instant(key: number): number {
    const value = this.uint(key);
    if (value > LAST_INSTANT) throw new Fault('malformed', `field ${key} is not an instant`);
    return value;
  }

  text(key: number): string {
    const value = this.any(key);
    if (typeof value !== 'string') throw new Fault('malformed', `field ${key} is not text`);
    return value;
  }

  bool(key: number): boolean {
    const value = this.any(key);
    if (typeof value !== 'boolean') throw new Fault('malformed', `field ${key} is not a boolean`);
    return value;
  }

  /** Byte string, of exactly `length` octets where given. */
  bytes(key: number, length?: number): Uint8Array {
    const value = this.any(key);
    if (!(value instanceof Uint8Array)) throw new Fault('malformed', `field ${key} is not a byte string`);
    if (length !== undefined && value.length !== length) throw new Fault('malformed', `field ${key} has a wrong size`);
    return value;
  }

  array(key: number): readonly CborValue[] {
    const value = this.any(key);
    if (!Array.isArray(value)) throw new Fault('malformed', `field ${key} is not an array`);
    return value as readonly CborValue[];
  }

  texts(key: number): readonly string[] {
    const values = this.array(key);
    if (!values.every((value) => typeof value === 'string')) throw new Fault('malformed', `field ${key} is not text`);
    return values as readonly string[];
  }

  /** Applies `read` when the field is there; `undefined` when it is absent. */
  optional<T>(key: number, read: (key: number) => T): T | undefined {
    return this.has(key) ? read.call(this, key) : undefined;
  }

  end(): void {
    if (this.#asked.size < this.#map.size) {
      for (const key of this.#map.keys()) {
        // A key that is text is the sender's and is not quoted.
        if (!this.#asked.has(key))
          throw new Fault('malformed', typeof key === 'number' ? `unknown field ${key}` : 'unknown field');
      }
    }
  }
}

/** Refuses bytes that are not exactly one item of the subset in its deterministic encoding. One pass, no allocation. */
function assertDeterministic(bytes: Uint8Array, maxItems: number): void {
  if (skipItem(bytes, 0, 0, { items: maxItems }) !== bytes.length)
    throw new Fault('malformed', 'octets after the item');
}

/** What may still be read. */
interface Budget {
  items: number;
}

function skipItem(bytes: Uint8Array, start: number, depth: number, budget: Budget): number {
  if (--budget.items < 0) throw new Fault('too-large', 'more items than are read');
  if (depth > MAX_NESTING) throw new Fault('malformed', `nested deeper than ${MAX_NESTING}`);
  if (start >= bytes.length) throw new Fault('malformed', 'ends inside an item');
  const initial = bytes[start]!;
  const major = initial >> 5;
  const info = initial & 31;
  if (major === 7) {
    if (info === 20 || info === 21 || info === 22) return start + 1; // false, true, null
    throw new Fault('malformed', 'floats and other simple values are not used');
  }
  const { argument, at } = readArgument(bytes, start, info);
  switch (major) {
    case 0:
    case 1:
      return at;
    case 2:
    case 3:
      if (argument > bytes.length - at) throw new Fault('malformed', 'string longer than the input');
      if (major === 3) assertUtf8(bytes.subarray(at, at + argument));
      return at + argument;
    case 4: {
      let end = at;
      for (let i = 0; i < argument; i++) end = skipItem(bytes, end, depth + 1, budget);
      return end;
    }
    case 5:
      return skipMap(bytes, at, argument, depth, budget);
    default:
      if (argument !== DECIMAL_FRACTION) throw new Fault('malformed', 'tag other than 4');
      return skipItem(bytes, at, depth + 1, budget);
  }
}

function skipMap(bytes: Uint8Array, start: number, pairs: number, depth: number, budget: Budget): number {
  let end = start;
  let previous: Uint8Array | undefined;
  for (let i = 0; i < pairs; i++) {
    const keyMajor = bytes[end]! >> 5; // past the end it is 0, and skipItem refuses
    if (keyMajor > 1 && keyMajor !== 3) throw new Fault('malformed', 'map key is neither an integer nor text');
    const keyEnd = skipItem(bytes, end, depth + 1, budget);
    const key = bytes.subarray(end, keyEnd);
    if (previous !== undefined && !sortsBefore(previous, key)) {
      throw new Fault('not-canonical', 'map keys doubled or out of order');
    }
    previous = key;
    end = skipItem(bytes, keyEnd, depth + 1, budget);
  }
  return end;
}

/** The codec reads U+FFFD for what is not UTF-8 and drops a leading U+FEFF: two encodings would give one value. */
function assertUtf8(text: Uint8Array): void {
  for (const octet of text) {
    if (octet < 0x80) continue;
    if (decodeUtf8(text).startsWith('\ufeff')) throw new Fault('malformed', 'text begins with a byte order mark');
    return;
  }
}

/** RFC 8949 §4.2.1: bytewise lexicographic order of the encoded keys, and no key twice. */
function sortsBefore(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length && i < b.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return a.length < b.length && !equalBytes(a, b);
}

function readArgument(bytes: Uint8Array, start: number, info: number): { argument: number; at: number } {
  if (info < 24) return { argument: info, at: start + 1 };
  if (info > 27) throw new Fault('malformed', 'indefinite or reserved length');
  const octets = 1 << (info - 24);
  const at = start + 1 + octets;
  if (at > bytes.length) throw new Fault('malformed', 'ends inside a length');
  let argument = 0;
  for (let i = start + 1; i < at; i++) argument = argument * 256 + bytes[i]!;
  if (argument > Number.MAX_SAFE_INTEGER) throw new Fault('malformed', 'number beyond 2^53-1');
  const smallest = info === 24 ? 24 : 2 ** (8 * (octets / 2));
  if (argument < smallest) throw new Fault('not-canonical', 'number not in its shortest form');
  return { argument, at };
}
