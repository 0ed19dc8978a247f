/** RLP, the encoding of Ethereum's headers, tries and transactions (Yellow Paper, Appendix B): octets and lists. Strict. */
import { concatBytes } from './bytes.ts';
import { Fault } from './fault.ts';

export type Rlp = Uint8Array | readonly Rlp[];

/** What is read here nests twice; hostile bytes nest no deeper than this. */
const MAX_DEPTH = 16;

export function encodeRlp(item: Rlp): Uint8Array {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && item[0]! < 0x80) return item;
    return concatBytes(prefix(0x80, item.length), item);
  }
  const content = concatBytes(...item.map(encodeRlp));
  return concatBytes(prefix(0xc0, content.length), content);
}

function prefix(base: number, length: number): Uint8Array {
  if (length < 56) return Uint8Array.of(base + length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.of(base + 55 + octets.length, ...octets);
}

/** The one item that the octets are. Throws `truncated`, `trailing`, `not-canonical`, `too-large`. */
export function decodeRlp(bytes: Uint8Array): Rlp {
  const { item, end } = decodeAt(bytes, 0, bytes.length, 0);
  if (end !== bytes.length) throw new Fault('trailing', 'octets after the item');
  return item;
}

function decodeAt(bytes: Uint8Array, at: number, limit: number, depth: number): { item: Rlp; end: number } {
  if (depth > MAX_DEPTH) throw new Fault('too-large', 'lists nest deeper than is read');
  if (at >= limit) throw new Fault('truncated', 'an item without octets');
  const first = bytes[at]!;
  if (first < 0x80) return { item: bytes.slice(at, at + 1), end: at + 1 };
  const base = first < 0xc0 ? 0x80 : 0xc0;
  let start = at + 1;
  let length = first - base;
  if (length > 55) {
    const octets = length - 55;
    if (start + octets > limit) throw new Fault('truncated', 'a length without its octets');
    length = 0;
    for (let i = 0; i < octets; i++) length = length * 256 + bytes[start + i]!;
    if (bytes[start] === 0 || length < 56) throw new Fault('not-canonical', 'a length not in its shortest form');
    start += octets;
  }
  const end = start + length;
  if (end > limit) throw new Fault('truncated', 'an item longer than its octets');
  if (base === 0x80) {
    if (length === 1 && bytes[start]! < 0x80) throw new Fault('not-canonical', 'an octet not in its shortest form');
    return { item: bytes.slice(start, end), end };
  }
  const items: Rlp[] = [];
  for (let next = start; next < end; ) {
    const inner = decodeAt(bytes, next, end, depth + 1);
    items.push(inner.item);
    next = inner.end;
  }
  return { item: items, end };
}

/** An item that must be a list of at least so many. Throws `malformed`. */
export function asRlpList(item: Rlp | undefined, least: number): readonly Rlp[] {
  if (item === undefined || item instanceof Uint8Array || item.length < least) throw new Fault('malformed', 'no list');
  return item;
}

/** An item that must be octets. Throws `malformed`. */
export function asRlpOctets(item: Rlp | undefined): Uint8Array {
  if (!(item instanceof Uint8Array)) throw new Fault('malformed', 'not octets');
  return item;
}

/** A whole number: big-endian in its shortest form, empty for zero. Throws `malformed`. */
export function asRlpNumber(item: Rlp | undefined): number {
  const octets = asRlpOctets(item);
  let value = 0;
  for (const octet of octets) value = value * 256 + octet;
  if (octets[0] === 0 || !Number.isSafeInteger(value))
    throw new Fault('malformed', 'not a number in its shortest form');
  return value;
}
