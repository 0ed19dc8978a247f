/**
 * Generic Health Sensor service (GHSS): Live Health Observations 2B8B, in segments that each begin with a header octet.
 * One observation fits one segment or is joined from several.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { type ElapsedTime, readElapsedTime, writeElapsedTime } from './elapsed-time.ts';
import { GHS_CLASS, type GhsValue, readCodes, readGhsValue, writeCodes, writeGhsValue } from './ghs-value.ts';
import { readSegmentHeader, type Segment, type SegmentHeader, writeSegmentHeader } from './segments.ts';
import { readFloat, writeFloat } from './sfloat.ts';
import { ByteWriter } from './writer.ts';

// GHSS Measurement Status.
const STATUS = [
  'invalid',
  'questionable',
  'unavailable',
  null,
  'calibrating',
  'test',
  'earlyEstimate',
  null,
  null,
  null,
  null,
  null,
  null,
  null,
  'thresholdError',
  'thresholdingDisabled',
] as const;

export type GhsStatusFlag = NonNullable<(typeof STATUS)[number]>;

/** What is said of an observation besides its value. Each null when not sent; in a bundle, the bundle's then applies. */
export interface GhsFields {
  /** Code of what is measured. */
  readonly type: number | null;
  readonly time: ElapsedTime | null;
  /** Duration of the measurement, s. */
  readonly durationS: SensorValue | null;
  readonly status: readonly GhsStatusFlag[] | null;
  /** By which other observations refer to this one. */
  readonly objectId: number | null;
  /** Which of the sensor's users. */
  readonly patient: number | null;
  /** Codes that say more, such as where the sensor sits. */
  readonly supplemental: readonly number[] | null;
  /** Object ids. */
  readonly derivedFrom: readonly number[] | null;
  readonly hasMember: readonly number[] | null;
}

/** One observation. */
export type GhsObservation = GhsFields & GhsValue;

/** Observations that share the fields of the bundle. */
export type GhsBundle = GhsFields & { readonly class: 255; readonly observations: readonly GhsObservation[] };

const HEADER_OCTETS = 3;
const TLV_FLAG = 1 << 9;
const RESERVED_FLAGS = 0xfc00;

/** Where an observation ends: the two readings of its Length field are told apart by what is left. */
type LengthCounts = 'all' | 'rest';

function readFields(reader: ByteReader, flags: number): GhsFields {
  // What these announce stands before the value, in a layout that is not known here: there is no prefix to keep.
  if ((flags & (TLV_FLAG | RESERVED_FLAGS)) !== 0) throw new Fault('range', 'unknown fields before the value');
  return {
    type: hasBit(flags, 0) ? reader.u32() : null,
    time: hasBit(flags, 1) ? readElapsedTime(reader) : null,
    durationS: hasBit(flags, 2) ? readFloat(reader) : null,
    status: hasBit(flags, 3) ? namesOfBits(reader.u16(), STATUS) : null,
    objectId: hasBit(flags, 4) ? reader.u32() : null,
    patient: hasBit(flags, 5) ? reader.u8() : null,
    supplemental: hasBit(flags, 6) ? readCodes(reader) : null,
    derivedFrom: hasBit(flags, 7) ? readCodes(reader) : null,
    hasMember: hasBit(flags, 8) ? readCodes(reader) : null,
  };
}

/** Class and octets behind the Length field. */
function openObservation(reader: ByteReader, counts: LengthCounts): [observationClass: number, body: ByteReader] {
  const observationClass = reader.u8();
  const length = reader.u16() - (counts === 'all' ? HEADER_OCTETS : 0);
  if (length < 0) throw new Fault('size', 'shorter than its own header');
  return [observationClass, new ByteReader(reader.bytes(length))];
}

function readObservation(reader: ByteReader, counts: LengthCounts): GhsObservation {
  const [observationClass, body] = openObservation(reader, counts);
  const fields = readFields(body, body.u16());
  const value = readGhsValue(body, observationClass);
  body.end();
  return { ...fields, ...value };
}

function readBundle(reader: ByteReader, counts: LengthCounts): GhsBundle {
  const [, body] = openObservation(reader, counts);
  const fields = readFields(body, body.u16());
  const observations = Array.from({ length: body.u8() }, () => readObservation(body, counts));
  body.end();
  return { ...fields, class: 255, observations };
}

/**
 * A whole observation or bundle. Throws `truncated`, `trailing`, `size`, and `range` on a reserved class, a bundle within
 * a bundle, a text that is not UTF-8, and flags that announce fields unknown here. The Length field counts all octets in
 * some senders and those behind it in others; both are read, since only one of them fits what is there.
 */
export function decodeGhsObservation(bytes: Uint8Array): GhsObservation | GhsBundle {
  const header = new ByteReader(bytes);
  const observationClass = header.u8();
  const counts: LengthCounts = header.u16() === bytes.length - HEADER_OCTETS ? 'rest' : 'all';
  const reader = new ByteReader(bytes);
  const observation =
    observationClass === GHS_CLASS.bundle ? readBundle(reader, counts) : readObservation(reader, counts);
  reader.end();
  return observation;
}

function flagsOf(fields: GhsFields): number {
  const { type, time, durationS, status, objectId, patient, supplemental, derivedFrom, hasMember } = fields;
  const optional = [type, time, durationS, status, objectId, patient, supplemental, derivedFrom, hasMember];
  return optional.reduce<number>((bits, field, bit) => (field === null ? bits : bits | (1 << bit)), 0);
}

/** The reverse of {@link decodeGhsObservation}; the Length field counts all octets. Throws `range`. */
export function encodeGhsObservation(observation: GhsObservation | GhsBundle): Uint8Array {
  const { type, time, durationS, status, objectId, patient, supplemental, derivedFrom, hasMember } = observation;
  const body = new ByteWriter().u16(flagsOf(observation));
  if (type !== null) body.u32(type);
  if (time !== null) writeElapsedTime(body, time);
  if (durationS !== null) writeFloat(body, durationS);
  if (status !== null) body.u16(bitsOfNames(status, STATUS));
  if (objectId !== null) body.u32(objectId);
  if (patient !== null) body.u8(patient);
  for (const codes of [supplemental, derivedFrom, hasMember]) if (codes !== null) writeCodes(body, codes);
  if (observation.class === GHS_CLASS.bundle) {
    body.u8(observation.observations.length);
    for (const member of observation.observations) body.bytes(encodeGhsObservation(member));
  } else writeGhsValue(body, observation);
  const octets = body.take();
  const length = octets.length + HEADER_OCTETS;
  return new ByteWriter().u8(observation.class).u16(length).bytes(octets).take();
}

/** 2B8B that is a whole observation. */
export type WholeObservation = SegmentHeader & (GhsObservation | GhsBundle);

/** 2B8B: a whole observation, or a segment of one, to be joined with the others and then decoded. */
export type LiveHealthObservation = WholeObservation | Segment;

/** A segment as it is, whether or not it is a whole observation. Throws `truncated`. */
export function decodeGhsSegment(bytes: Uint8Array): Segment {
  const reader = new ByteReader(bytes);
  return { ...readSegmentHeader(reader), data: reader.rest() };
}

/** The reverse of {@link decodeGhsSegment}. Throws `range`. */
export function encodeGhsSegment(segment: Segment): Uint8Array {
  return writeSegmentHeader(new ByteWriter(), segment).bytes(segment.data).take();
}

/** Throws what {@link decodeGhsObservation} throws when the segment is first and last, else only `truncated`. */
export function decodeLiveHealthObservation(bytes: Uint8Array): LiveHealthObservation {
  const { data, ...header } = decodeGhsSegment(bytes);
  return header.first && header.last ? { ...header, ...decodeGhsObservation(data) } : { ...header, data };
}

/** The reverse of {@link decodeLiveHealthObservation}. Throws `range`. */
export function encodeLiveHealthObservation(value: LiveHealthObservation): Uint8Array {
  return encodeGhsSegment('data' in value ? value : { ...value, data: encodeGhsObservation(value) });
}
