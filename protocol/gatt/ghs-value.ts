/**
 * Values of Generic Health Sensor observations (GHSS), by observation class. Numbers are FLOAT throughout; codes are of
 * 11073-10101.
 */
import { type ByteReader, decodeUtf8, encodeUtf8 } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { Fault, isFault } from '../fault.ts';
import { readFloat, writeFloat } from './sfloat.ts';
import type { ByteWriter } from './writer.ts';

/** Observation classes whose value is read here; 255, the bundle, is no value of its own. */
export const GHS_CLASS = {
  numeric: 1,
  discrete: 2,
  string: 3,
  sampleArray: 4,
  discreteEvents: 5,
  state: 6,
  compound: 7,
  tlv: 8,
  bundle: 255,
} as const;

interface Numeric {
  readonly class: 1;
  /** Unit: the low 16 bits of its code; the dimension partition 4 is understood. */
  readonly unitCode: number;
  readonly value: SensorValue;
}

interface Discrete {
  readonly class: 2;
  /** A code: what was observed. */
  readonly value: number;
}

interface Text {
  readonly class: 3;
  readonly value: string;
}

/** A waveform: sample x scale + offset, in the unit. */
interface SampleArray {
  readonly class: 4;
  readonly unitCode: number;
  readonly scale: SensorValue;
  readonly offset: SensorValue;
  /** Bounds of the samples, as sent. */
  readonly min: number;
  readonly max: number;
  /** s. */
  readonly periodS: SensorValue;
  readonly samplesPerPeriod: number;
  readonly octetsPerSample: number;
  /** All samples, `octetsPerSample` octets each, least significant first. */
  readonly samples: Uint8Array;
}

interface DiscreteEvents {
  readonly class: 5;
  /** Codes of what happened. */
  readonly value: readonly number[];
}

/** State bits with masks (6), or type-length-value triples (8): kept and not looked into. */
interface Opaque {
  readonly class: 6 | 8;
  readonly octets: Uint8Array;
}

/** A value that can also be a part of a compound one. */
export type GhsSimpleValue = Numeric | Discrete | Text | SampleArray | DiscreteEvents;

interface Compound {
  readonly class: 7;
  /** Parts, each with the code of what it measures. */
  readonly components: readonly ({ readonly type: number } & GhsSimpleValue)[];
}

export type GhsValue = GhsSimpleValue | Opaque | Compound;

function readText(reader: ByteReader): string {
  const octets = reader.bytes(reader.u16());
  try {
    return decodeUtf8(octets);
  } catch (error) {
    if (isFault(error, 'malformed')) throw new Fault('range', 'not UTF-8');
    throw error;
  }
}

/** A count in one octet, then that many codes of four octets. Throws `truncated`. */
export function readCodes(reader: ByteReader): number[] {
  return Array.from({ length: reader.u8() }, () => reader.u32());
}

/** Appends a count and codes. Throws `range`. */
export function writeCodes(writer: ByteWriter, codes: readonly number[]): ByteWriter {
  writer.u8(codes.length);
  for (const code of codes) writer.u32(code);
  return writer;
}

function s32(raw: number): number {
  return raw | 0;
}

function readSampleArray(reader: ByteReader): SampleArray {
  const unitCode = reader.u16();
  const scale = readFloat(reader);
  const offset = readFloat(reader);
  const min = s32(reader.u32());
  const max = s32(reader.u32());
  const periodS = readFloat(reader);
  const samplesPerPeriod = reader.u8();
  const octetsPerSample = reader.u8();
  const samples = reader.bytes(reader.u32() * octetsPerSample);
  return { class: 4, unitCode, scale, offset, min, max, periodS, samplesPerPeriod, octetsPerSample, samples };
}

function readSimple(reader: ByteReader, observationClass: number): GhsSimpleValue {
  switch (observationClass) {
    case GHS_CLASS.numeric:
      return { class: 1, unitCode: reader.u16(), value: readFloat(reader) };
    case GHS_CLASS.discrete:
      return { class: 2, value: reader.u32() };
    case GHS_CLASS.string:
      return { class: 3, value: readText(reader) };
    case GHS_CLASS.sampleArray:
      return readSampleArray(reader);
    case GHS_CLASS.discreteEvents:
      return { class: 5, value: readCodes(reader) };
    default:
      throw new Fault('range', 'reserved observation class');
  }
}

/** The value of an observation, which for the opaque classes reaches to the end. Throws `truncated`, `range`. */
export function readGhsValue(reader: ByteReader, observationClass: number): GhsValue {
  switch (observationClass) {
    case GHS_CLASS.state:
      return { class: 6, octets: reader.rest() };
    case GHS_CLASS.tlv:
      return { class: 8, octets: reader.rest() };
    case GHS_CLASS.compound:
      return {
        class: 7,
        components: Array.from({ length: reader.u8() }, () => ({
          type: reader.u32(),
          ...readSimple(reader, reader.u8()),
        })),
      };
    default:
      return readSimple(reader, observationClass);
  }
}

function writeSampleArray(writer: ByteWriter, array: SampleArray): void {
  const { samples, octetsPerSample } = array;
  const count = octetsPerSample === 0 ? 0 : samples.length / octetsPerSample;
  writer.u16(array.unitCode);
  writeFloat(writeFloat(writer, array.scale), array.offset);
  writer.u32(array.min >>> 0).u32(array.max >>> 0);
  writeFloat(writer, array.periodS);
  writer.u8(array.samplesPerPeriod).u8(octetsPerSample).u32(count).bytes(samples);
}

/** Appends a value; the reverse of {@link readGhsValue}. Throws `range`. */
export function writeGhsValue(writer: ByteWriter, value: GhsValue): void {
  switch (value.class) {
    case 1:
      writeFloat(writer.u16(value.unitCode), value.value);
      return;
    case 2:
      writer.u32(value.value);
      return;
    case 3: {
      const octets = encodeUtf8(value.value);
      writer.u16(octets.length).bytes(octets);
      return;
    }
    case 4:
      writeSampleArray(writer, value);
      return;
    case 5:
      writeCodes(writer, value.value);
      return;
    case 6:
    case 8:
      writer.bytes(value.octets);
      return;
    case 7:
      writer.u8(value.components.length);
      for (const component of value.components) {
        writeGhsValue(writer.u32(component.type).u8(component.class), component);
      }
  }
}
