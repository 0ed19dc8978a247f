/**
 * Blood Pressure service (BLS) from 1.1 on: Blood Pressure Record 2B36, a stored value of another characteristic, which
 * the cuff sends in one or more segments when asked through the Record Access Control Point.
 */
import { ByteReader, encodeHex } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { crc16 } from './crc16.ts';
import { type Assembly, joinSegment, readSegmentHeader, type Segment, writeSegmentHeader } from './segments.ts';
import { ByteWriter } from './writer.ts';

/** 2B36: one segment of a record. */
export interface BloodPressureRecordSegment extends Segment {
  /** Number of the record, 0..65535, which wraps. */
  readonly sequence: number;
  /** The characteristic whose value is recorded, four hex digits: 2A35, 2A36, 2B34 or 2B35. */
  readonly uuid: string;
}

/** Throws `truncated`. Whether the last two octets of a record are a CRC, only the service's feature value says. */
export function decodeBloodPressureRecord(bytes: Uint8Array): BloodPressureRecordSegment {
  const reader = new ByteReader(bytes);
  const header = readSegmentHeader(reader);
  const sequence = reader.u16();
  const uuid = encodeHex(reader.bytes(2).reverse()).toUpperCase();
  return { ...header, sequence, uuid, data: reader.rest() };
}

function writeIdentity(writer: ByteWriter, { sequence, uuid }: RecordIdentity): ByteWriter {
  if (!/^[0-9A-F]{4}$/.test(uuid)) throw new Fault('range', 'not four upper-case hex digits');
  return writer.u16(sequence).u16(Number.parseInt(uuid, 16));
}

/** The reverse of {@link decodeBloodPressureRecord}. Throws `range`. */
export function encodeBloodPressureRecord(segment: BloodPressureRecordSegment): Uint8Array {
  return writeIdentity(writeSegmentHeader(new ByteWriter(), segment), segment).bytes(segment.data).take();
}

type RecordIdentity = Pick<BloodPressureRecordSegment, 'sequence' | 'uuid'>;

/** A record of which the last segment is still to come. */
export interface RecordAssembly extends RecordIdentity {
  readonly assembly: Assembly;
}

/** A whole record, with its CRC where the cuff sends one. */
export interface BloodPressureRecord extends RecordIdentity {
  readonly data: Uint8Array;
}

/** What a segment did; see {@link joinSegment}. A segment of another record loses the open one. */
export interface JoinedRecord {
  readonly open: RecordAssembly | null;
  readonly record: BloodPressureRecord | null;
  readonly lost: boolean;
}

/** Adds a segment to the record that is open, or to none. */
export function joinRecordSegment(open: RecordAssembly | null, segment: BloodPressureRecordSegment): JoinedRecord {
  const { sequence, uuid } = segment;
  const same = open !== null && open.sequence === sequence && open.uuid === uuid;
  const { assembly, value, lost } = joinSegment(same ? open.assembly : null, segment);
  return {
    open: assembly === null ? null : { sequence, uuid, assembly },
    record: value === null ? null : { sequence, uuid, data: value },
    lost: lost || (open !== null && !same),
  };
}

/** The value of the recorded characteristic, and whether its CRC is right. */
export interface RecordedValue {
  readonly value: Uint8Array;
  readonly crc: number;
  readonly crcValid: boolean;
}

/**
 * Separates the CRC from a whole record of a cuff whose feature value says `e2eCrc`. Throws `truncated`. The CRC is taken
 * to cover sequence number, UUID and value, which are the record, and no segment header, which is its transport.
 */
export function checkRecord(record: BloodPressureRecord): RecordedValue {
  const reader = new ByteReader(record.data);
  const value = reader.bytes(Math.max(0, record.data.length - 2));
  const crc = reader.u16();
  const covered = writeIdentity(new ByteWriter(), record).bytes(value).take();
  const crcValid = crc === crc16(covered);
  return { value, crc, crcValid };
}
