/**
 * Values that are longer than one notification: a header octet with first, last and a counter, then octets (BLS Blood
 * Pressure Record, GHSS observations). Pure: what was received so far is a value that the caller keeps.
 */
import { type ByteReader, concatBytes } from '../bytes.ts';
import type { ByteWriter } from './writer.ts';

/** Header of a segment. */
export interface SegmentHeader {
  readonly first: boolean;
  readonly last: boolean;
  /** Counts segments, modulo 64. */
  readonly counter: number;
}

/** A segment: its header and its share of the value. */
export interface Segment extends SegmentHeader {
  readonly data: Uint8Array;
}

const COUNTERS = 64;
/** Longer values are dropped: what no standard defines must not fill the memory. */
const MOST_OCTETS = 65_538;

/** Next octet. Throws `truncated`. */
export function readSegmentHeader(reader: ByteReader): SegmentHeader {
  const octet = reader.u8();
  return { first: (octet & 1) !== 0, last: (octet & 2) !== 0, counter: octet >>> 2 };
}

/** Appends one octet. Throws `range`. */
export function writeSegmentHeader(writer: ByteWriter, { first, last, counter }: SegmentHeader): ByteWriter {
  return writer.u8((first ? 1 : 0) + (last ? 2 : 0) + counter * 4);
}

/** A value of which the last segment is still to come. */
export interface Assembly {
  /** Counter that the next segment must have. */
  readonly next: number;
  readonly data: Uint8Array;
}

/** What a segment did. */
export interface Joined {
  /** Keep this for the next segment; null when none is awaited. */
  readonly assembly: Assembly | null;
  /** The whole value, when this segment was its last. */
  readonly value: Uint8Array | null;
  /** Segments of at least one value are missing, so that value is lost. */
  readonly lost: boolean;
}

/**
 * Adds a segment to what came before. A first segment begins a value, whatever was open; any other must continue the
 * open value with the next counter. A gap loses the value, and the rest of its segments with it.
 */
export function joinSegment(assembly: Assembly | null, { first, last, counter, data }: Segment): Joined {
  if (!first && assembly?.next !== counter) return { assembly: null, value: null, lost: true };
  const lost = first && assembly !== null;
  const before = first || assembly === null ? new Uint8Array() : assembly.data;
  if (before.length + data.length > MOST_OCTETS) return { assembly: null, value: null, lost: true };
  const joined = concatBytes(before, data);
  if (last) return { assembly: null, value: joined, lost };
  return { assembly: { next: (counter + 1) % COUNTERS, data: joined }, value: null, lost };
}

/** A value cut into segments of at most `octets` octets of data each, counted from `counter` on. */
export function splitIntoSegments(value: Uint8Array, octets: number, counter = 0): Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  do {
    const data = value.slice(at, at + octets);
    const first = at === 0;
    at += octets;
    segments.push({ first, last: at >= value.length, counter: (counter + segments.length) % COUNTERS, data });
  } while (at < value.length);
  return segments;
}
