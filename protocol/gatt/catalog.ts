/** Which codec reads which characteristic. */
import { Fault } from '../fault.ts';
import { decodeBatteryLevel } from './battery.ts';
import {
  decodeBloodPressureFeature,
  decodeBloodPressureMeasurement,
  decodeIntermediateCuffPressure,
} from './blood-pressure.ts';
import { decodeCgmMeasurement, decodeCgmStatus } from './cgm.ts';
import { decodeCgmFeature, decodeCgmSessionRunTime, decodeCgmSessionStartTime } from './cgm-session.ts';
import { crc16 } from './crc16.ts';
import { decodeDateTime, decodeDstOffset, decodeTimeZone } from './date-time.ts';
import { decodeBodySensorLocation, decodeHeartRateMeasurement } from './heart-rate.ts';
import { decodePlxContinuousMeasurement, decodePlxFeatures, decodePlxSpotCheckMeasurement } from './pulse-oximeter.ts';
import { decodeFloat, decodeSfloat } from './sfloat.ts';
import { decodeTemperatureMeasurement, decodeTemperatureType } from './temperature.ts';

/** How one characteristic is read. */
export interface Codec {
  /** Name in the Bluetooth Assigned Numbers. */
  readonly name: string;
  /** The typed value; {@link Fault} on bytes that are not one. See the function of the family for its fields. */
  readonly decode: (bytes: Uint8Array) => object;
}

/** By 16-bit characteristic UUID. */
const CHARACTERISTICS: ReadonlyMap<number, Codec> = new Map([
  [0x2a08, { name: 'Date Time', decode: decodeDateTime }],
  [0x2a0d, { name: 'DST Offset', decode: decodeDstOffset }],
  [0x2a0e, { name: 'Time Zone', decode: decodeTimeZone }],
  [0x2a19, { name: 'Battery Level', decode: decodeBatteryLevel }],
  [0x2a1c, { name: 'Temperature Measurement', decode: decodeTemperatureMeasurement }],
  [0x2a1d, { name: 'Temperature Type', decode: decodeTemperatureType }],
  [0x2a1e, { name: 'Intermediate Temperature', decode: decodeTemperatureMeasurement }],
  [0x2a35, { name: 'Blood Pressure Measurement', decode: decodeBloodPressureMeasurement }],
  [0x2a36, { name: 'Intermediate Cuff Pressure', decode: decodeIntermediateCuffPressure }],
  [0x2a37, { name: 'Heart Rate Measurement', decode: decodeHeartRateMeasurement }],
  [0x2a38, { name: 'Body Sensor Location', decode: decodeBodySensorLocation }],
  [0x2a49, { name: 'Blood Pressure Feature', decode: decodeBloodPressureFeature }],
  [0x2a5e, { name: 'PLX Spot-Check Measurement', decode: decodePlxSpotCheckMeasurement }],
  [0x2a5f, { name: 'PLX Continuous Measurement', decode: decodePlxContinuousMeasurement }],
  [0x2a60, { name: 'PLX Features', decode: decodePlxFeatures }],
  [0x2aa7, { name: 'CGM Measurement', decode: decodeCgmMeasurement }],
  [0x2aa8, { name: 'CGM Feature', decode: decodeCgmFeature }],
  [0x2aa9, { name: 'CGM Status', decode: decodeCgmStatus }],
  [0x2aaa, { name: 'CGM Session Start Time', decode: decodeCgmSessionStartTime }],
  [0x2aab, { name: 'CGM Session Run Time', decode: decodeCgmSessionRunTime }],
]);

/** Parts of characteristics that can be read by themselves, by their names in the standards. */
const PARTS: ReadonlyMap<string, Codec> = new Map([
  ['SFLOAT', { name: 'SFLOAT', decode: (bytes: Uint8Array) => ({ value: decodeSfloat(bytes) }) }],
  ['FLOAT', { name: 'FLOAT', decode: (bytes: Uint8Array) => ({ value: decodeFloat(bytes) }) }],
  ['CRC16', { name: 'E2E-CRC', decode: (bytes: Uint8Array) => ({ crc: crc16(bytes) }) }],
]);

/** Codec of a 16-bit UUID. Throws `unknown-characteristic`. */
export function codecOf(characteristic: number): Codec {
  const codec = CHARACTERISTICS.get(characteristic);
  if (!codec) throw new Fault('unknown-characteristic', 'no codec for this characteristic');
  return codec;
}

/**
 * Codec by name: four hex digits of a 16-bit UUID, or SFLOAT, FLOAT, CRC16, in either case. Throws
 * `unknown-characteristic`.
 */
export function codecNamed(name: string): Codec {
  const part = PARTS.get(name.toUpperCase());
  if (part) return part;
  return codecOf(/^[0-9a-f]{4}$/i.test(name) ? Number.parseInt(name, 16) : Number.NaN);
}

/** All 16-bit UUIDs that have a codec, ascending. */
export function knownCharacteristics(): number[] {
  return [...CHARACTERISTICS.keys()];
}
