/**
 * Continuous Glucose Monitoring service (CGMS): CGM Specific Ops Control Point 2AAC. Requests and responses have op codes
 * of their own, so one decoder reads both.
 */
import { ByteReader } from '../bytes.ts';
import type { SensorValue } from '../decimal.ts';
import { Fault } from '../fault.ts';
import { bitsOfNames, namesOfBits } from './bits.ts';
import { appendCrc, type CheckedCrc, type CrcToWrite, readOptionalCrc } from './crc16.ts';
import { type GlucoseSample, readSample, writeSample } from './glucose-sample.ts';
import { readSfloat, writeSfloat } from './sfloat.ts';
import { ByteWriter } from './writer.ts';

const CAL_STATUS = ['rejected', 'outOfRange', 'pending'] as const;

/** A calibration of the sensor by a blood glucose meter. */
export interface CgmCalibration extends GlucoseSample {
  /** Glucose by the meter, mg/dL. */
  readonly calGlucose: SensorValue;
  /** Minutes since the session start at which the sample was taken. */
  readonly calTimeMin: number;
  /** Minutes since the session start at which the next calibration is due. */
  readonly nextCalMin: number;
  /** Number of the calibration record, which the sensor gives; 0 in a request. */
  readonly recordNumber: number;
  readonly calStatus: readonly (typeof CAL_STATUS)[number][];
}

/** Set (1) or told (3): minutes between notifications; 0 turns them off, 255 is as often as the sensor can. */
interface Interval {
  readonly opCode: 1 | 3;
  readonly intervalMin: number;
}

/** Set (4) or told (6). */
interface Calibration extends CgmCalibration {
  readonly opCode: 4 | 6;
}

/** Asks for a calibration by its record number; 65535 asks for the last. */
interface GetCalibration {
  readonly opCode: 5;
  readonly recordNumber: number;
}

/** Set or told: alert level of patient high (7, 9), patient low (10, 12), hypo (13, 15), hyper (16, 18), mg/dL. */
interface AlertLevel {
  readonly opCode: 7 | 9 | 10 | 12 | 13 | 15 | 16 | 18;
  readonly level: SensorValue;
}

/** Set or told: alert level of the rate of decrease (19, 21) or increase (22, 24), mg/dL per minute. */
interface AlertRate {
  readonly opCode: 19 | 21 | 22 | 24;
  readonly rate: SensorValue;
}

/** Asks for what is told by the op code above it, resets the device specific alert (25), starts (26), stops (27). */
interface Plain {
  readonly opCode: 2 | 8 | 11 | 14 | 17 | 20 | 23 | 25 | 26 | 27;
}

/** How a request ended: 1 success, 2 op code, 3 operand, 4 not completed, 5 parameter out of range. */
interface Result {
  readonly opCode: 28;
  readonly requestOpCode: number;
  readonly responseCode: number;
}

/** 2AAC without its CRC. */
export type CgmOperation = Interval | Calibration | GetCalibration | AlertLevel | AlertRate | Plain | Result;

/** 2AAC. */
export type CgmControlPoint = CgmOperation & CheckedCrc;

function readCalibration(reader: ByteReader): CgmCalibration {
  const calGlucose = readSfloat(reader);
  const calTimeMin = reader.u16();
  const sample = readSample(reader);
  const nextCalMin = reader.u16();
  const recordNumber = reader.u16();
  const calStatus = namesOfBits(reader.u8(), CAL_STATUS);
  return { calGlucose, calTimeMin, ...sample, nextCalMin, recordNumber, calStatus };
}

function readOperation(reader: ByteReader): CgmOperation {
  const opCode = reader.u8();
  switch (opCode) {
    case 1:
    case 3:
      return { opCode, intervalMin: reader.u8() };
    case 4:
    case 6:
      return { opCode, ...readCalibration(reader) };
    case 5:
      return { opCode, recordNumber: reader.u16() };
    case 7:
    case 9:
    case 10:
    case 12:
    case 13:
    case 15:
    case 16:
    case 18:
      return { opCode, level: readSfloat(reader) };
    case 19:
    case 21:
    case 22:
    case 24:
      return { opCode, rate: readSfloat(reader) };
    case 2:
    case 8:
    case 11:
    case 14:
    case 17:
    case 20:
    case 23:
    case 25:
    case 26:
    case 27:
      return { opCode };
    case 28:
      return { opCode, requestOpCode: reader.u8(), responseCode: reader.u8() };
    default:
      throw new Fault('range', 'reserved op code');
  }
}

/** Throws `truncated`, `trailing`, and `range` on a reserved op code; a wrong CRC is reported in the value. */
export function decodeCgmControlPoint(bytes: Uint8Array): CgmControlPoint {
  const reader = new ByteReader(bytes);
  const operation = readOperation(reader);
  return { ...operation, ...readOptionalCrc(reader, bytes) };
}

/** The reverse of {@link decodeCgmControlPoint}. Throws `range`, also on a reserved sample type or location. */
export function encodeCgmControlPoint(operation: CgmOperation & { readonly crc: CrcToWrite }): Uint8Array {
  const writer = new ByteWriter().u8(operation.opCode);
  if ('intervalMin' in operation) writer.u8(operation.intervalMin);
  else if ('level' in operation) writeSfloat(writer, operation.level);
  else if ('rate' in operation) writeSfloat(writer, operation.rate);
  else if ('responseCode' in operation) writer.u8(operation.requestOpCode).u8(operation.responseCode);
  else if ('calGlucose' in operation) writeCalibration(writer, operation);
  else if ('recordNumber' in operation) writer.u16(operation.recordNumber);
  return appendCrc(writer.take(), operation.crc);
}

function writeCalibration(writer: ByteWriter, calibration: CgmCalibration): void {
  const { calGlucose, calTimeMin, nextCalMin, recordNumber, calStatus } = calibration;
  writeSfloat(writer, calGlucose).u16(calTimeMin);
  writeSample(writer, calibration);
  writer.u16(nextCalMin).u16(recordNumber).u8(bitsOfNames(calStatus, CAL_STATUS));
}
