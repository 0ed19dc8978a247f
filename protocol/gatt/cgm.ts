/** Continuous Glucose Monitoring service (CGMS): CGM Measurement 2AA7 and CGM Status 2AA9. */
import { ByteReader, copyBytes } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { bitsOfNames, hasBit, namesOfBits } from './bits.ts';
import { appendCrc, type CheckedCrc, type CrcToWrite, crc16, readOptionalCrc } from './crc16.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import type { Extensible } from './trailing.ts';
import { ByteWriter } from './writer.ts';

// CGMS Sensor Status Annunciation, three octets in the order Status, Cal/Temp, Warning.
const STATUS = [
  'sessionStopped',
  'batteryLow',
  'sensorTypeIncorrect',
  'sensorMalfunction',
  'deviceSpecificAlert',
  'deviceFault',
] as const;
const CAL_TEMP = ['timeSyncRequired', 'calNotAllowed', 'calRecommended', 'calRequired', 'tempHigh', 'tempLow'] as const;
const WARNING = [
  'belowPatientLow',
  'abovePatientHigh',
  'belowHypo',
  'aboveHyper',
  'rateDecrease',
  'rateIncrease',
  'belowDeviceRange',
  'aboveDeviceRange',
] as const;

export type CgmStatusFlag = (typeof STATUS)[number];
export type CgmCalTempFlag = (typeof CAL_TEMP)[number];
export type CgmWarningFlag = (typeof WARNING)[number];

/** One record of 2AA7. */
export interface CgmRecord extends CheckedCrc, Extensible {
  /** Glucose in interstitial fluid, mg/dL. */
  readonly glucose: SensorValue;
  /** Minutes since the session start of 2AAA, 0..65535. */
  readonly offsetMin: number;
  /** Each null when the octet was not sent. */
  readonly status: readonly CgmStatusFlag[] | null;
  readonly calTemp: readonly CgmCalTempFlag[] | null;
  readonly warning: readonly CgmWarningFlag[] | null;
  /** mg/dL per minute; null when not sent. */
  readonly trend: SensorValue | null;
  /** Sensor's own estimate of quality, %; null when not sent. */
  readonly quality: SensorValue | null;
  /** The octets of this record, its CRC included: a copy, and by itself a valid value of 2AA7. */
  readonly raw: Uint8Array;
}

/** 2AA7: one or more records, in the order sent. */
export interface CgmMeasurement {
  readonly records: readonly CgmRecord[];
  /** Octets from the first record whose size contradicts its flags, which nobody can read on from; usually 0. */
  readonly droppedOctets: number;
}

const SMALLEST_RECORD = 6;
const RESERVED_FLAGS = 0b0001_1100;

function decodeRecord(raw: Uint8Array): CgmRecord {
  const reader = new ByteReader(raw);
  const size = reader.u8();
  const flags = reader.u8();
  // CGMS CGM Measurement: bit 7 announces the first annunciation octet, bit 5 the last.
  const need = SMALLEST_RECORD + countBits(flags & 0b1110_0000) + 2 * countBits(flags & 0b11);
  const extra = size - need;
  const reserved = (flags & RESERVED_FLAGS) !== 0;
  if (extra < 0 || (!reserved && extra !== 0 && extra !== 2)) throw new Fault('size', 'size contradicts flags');
  const glucose = readSfloat(reader);
  const offsetMin = reader.u16();
  const status = hasBit(flags, 7) ? namesOfBits(reader.u8(), STATUS) : null;
  const calTemp = hasBit(flags, 6) ? namesOfBits(reader.u8(), CAL_TEMP) : null;
  const warning = hasBit(flags, 5) ? namesOfBits(reader.u8(), WARNING) : null;
  const trend = hasBit(flags, 0) ? readSfloat(reader) : null;
  const quality = hasBit(flags, 1) ? readSfloat(reader) : null;
  const crc = !reserved && extra === 2 ? reader.u16() : null;
  const crcValid = crc === null ? null : crc === crc16(raw.subarray(0, -2));
  const unknownOctets = reader.remaining;
  return { glucose, trend, quality, offsetMin, status, calTemp, warning, crc, crcValid, unknownOctets, raw };
}

function countBits(word: number): number {
  let count = 0;
  for (let left = word; left !== 0; left &= left - 1) count++;
  return count;
}

/**
 * Throws `truncated` when a record is cut off, `size` when the first record's size octet is below 6 or contradicts its
 * flags. A contradiction in a later record ends the value there: the records before it stand, `droppedOctets` counts
 * the rest. A wrong CRC is reported in the record. With a reserved flag set nobody knows whether the last octets are a
 * CRC, so they count as unknown.
 */
export function decodeCgmMeasurement(bytes: Uint8Array): CgmMeasurement {
  const reader = new ByteReader(bytes);
  const records: CgmRecord[] = [];
  do {
    const at = bytes.length - reader.remaining;
    const size = reader.u8();
    try {
      if (size < SMALLEST_RECORD) throw new Fault('size', 'record of fewer than six octets');
      reader.bytes(size - 1);
      records.push(decodeRecord(copyBytes(bytes, at, at + size)));
    } catch (error) {
      if (records.length > 0 && error instanceof Fault && error.code === 'size') {
        return { records, droppedOctets: bytes.length - at };
      }
      throw error;
    }
  } while (reader.remaining > 0);
  return { records, droppedOctets: 0 };
}

/** What {@link encodeCgmMeasurement} needs of a record. */
export interface CgmRecordToWrite extends Omit<CgmRecord, 'raw' | 'crc' | 'crcValid' | 'unknownOctets'> {
  readonly crc: CrcToWrite;
}

/** The reverse of {@link decodeCgmMeasurement}. Throws `range`. */
export function encodeCgmMeasurement({ records }: { readonly records: readonly CgmRecordToWrite[] }): Uint8Array {
  const value = new ByteWriter();
  for (const record of records) value.bytes(encodeRecord(record));
  return value.take();
}

function encodeRecord(record: CgmRecordToWrite): Uint8Array {
  const { glucose, offsetMin, status, calTemp, warning, trend, quality, crc } = record;
  const fields = new ByteWriter();
  writeSfloat(fields, glucose).u16(offsetMin);
  if (status) fields.u8(bitsOfNames(status, STATUS));
  if (calTemp) fields.u8(bitsOfNames(calTemp, CAL_TEMP));
  if (warning) fields.u8(bitsOfNames(warning, WARNING));
  if (trend !== null) writeSfloat(fields, trend);
  if (quality !== null) writeSfloat(fields, quality);
  const octets = fields.take();
  const annunciation = (status ? 128 : 0) | (calTemp ? 64 : 0) | (warning ? 32 : 0);
  const flags = annunciation | (trend === null ? 0 : 1) | (quality === null ? 0 : 2);
  const size = 2 + octets.length + (crc === null ? 0 : 2);
  return appendCrc(new ByteWriter().u8(size).u8(flags).bytes(octets).take(), crc);
}

/** 2AA9: the sensor's condition. */
export interface CgmStatus extends CheckedCrc {
  /** Minutes since the session start of 2AAA. */
  readonly offsetMin: number;
  readonly status: readonly CgmStatusFlag[];
  readonly calTemp: readonly CgmCalTempFlag[];
  readonly warning: readonly CgmWarningFlag[];
}

/** Five octets, or seven with a CRC. Throws `truncated`, `trailing`; a wrong CRC is reported in the value. */
export function decodeCgmStatus(bytes: Uint8Array): CgmStatus {
  const reader = new ByteReader(bytes);
  const offsetMin = reader.u16();
  const status = namesOfBits(reader.u8(), STATUS);
  const calTemp = namesOfBits(reader.u8(), CAL_TEMP);
  const warning = namesOfBits(reader.u8(), WARNING);
  return { offsetMin, status, calTemp, warning, ...readOptionalCrc(reader, bytes) };
}

/** The reverse of {@link decodeCgmStatus}. Throws `range`. */
export function encodeCgmStatus(value: Omit<CgmStatus, 'crc' | 'crcValid'> & { readonly crc: CrcToWrite }): Uint8Array {
  const writer = new ByteWriter().u16(value.offsetMin).u8(bitsOfNames(value.status, STATUS));
  writer.u8(bitsOfNames(value.calTemp, CAL_TEMP)).u8(bitsOfNames(value.warning, WARNING));
  return appendCrc(writer.take(), value.crc);
}
