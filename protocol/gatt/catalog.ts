/** Which codec reads which characteristic. */
import { Fault } from '../fault.ts';
import { decodeBatteryLevel } from './battery.ts';
import { decodeBatteryLevelStatus } from './battery-status.ts';
import {
  decodeBloodPressureFeature,
  decodeBloodPressureMeasurement,
  decodeIntermediateCuffPressure,
} from './blood-pressure.ts';
import { decodeBloodPressureRecord } from './blood-pressure-record.ts';
import { decodeBodyCompositionFeature, decodeBodyCompositionMeasurement } from './body-composition.ts';
import { decodeBthome } from './bthome.ts';
import { decodeCgmMeasurement, decodeCgmStatus } from './cgm.ts';
import { decodeCgmControlPoint } from './cgm-control-point.ts';
import { decodeCgmFeature, decodeCgmSessionRunTime, decodeCgmSessionStartTime } from './cgm-session.ts';
import { crc16 } from './crc16.ts';
import { decodeCurrentTime, decodeLocalTimeInformation } from './current-time.ts';
import { decodeDateTime, decodeDstOffset, decodeTimeZone } from './date-time.ts';
import { decodeCertificationData, decodePnpId, decodeSystemId, decodeUdi } from './device-information.ts';
import { decodeDeviceTime } from './device-time.ts';
import { decodeCurrentElapsedTime } from './elapsed-time.ts';
import {
  decodeEnhancedBloodPressureMeasurement,
  decodeEnhancedIntermediateCuffPressure,
} from './enhanced-blood-pressure.ts';
import { decodeLiveHealthObservation } from './ghs.ts';
import { decodeGhsControlPoint, decodeGhsFeatures, decodeObservationSchedule } from './ghs-settings.ts';
import { decodeGlucoseFeature, decodeGlucoseMeasurement } from './glucose.ts';
import { decodeGlucoseContext } from './glucose-context.ts';
import { decodeBodySensorLocation, decodeHeartRateControlPoint, decodeHeartRateMeasurement } from './heart-rate.ts';
import { decodeMiScaleComposition, decodeMiScaleWeight } from './mi-scale.ts';
import { decodePolarAdvertisement } from './polar-advertisement.ts';
import { decodePlxContinuousMeasurement, decodePlxFeatures, decodePlxSpotCheckMeasurement } from './pulse-oximeter.ts';
import { decodeRacp, decodeRacpRequest, decodeRacpResponse } from './racp.ts';
import { decodeFloat, decodeSfloat } from './sfloat.ts';
import { decodeCscMeasurement, decodeRscMeasurement } from './speed-cadence.ts';
import { decodeMeasurementInterval, decodeTemperatureMeasurement, decodeTemperatureType } from './temperature.ts';
import { decodeDatabaseChangeIncrement, decodeUserControlPoint, decodeUserIndex } from './user-data.ts';
import { decodeWeightMeasurement, decodeWeightScaleFeature } from './weight-scale.ts';

/** How one characteristic is read. */
export interface Codec {
  /** Name in the Bluetooth Assigned Numbers. */
  readonly name: string;
  /** The typed value; {@link Fault} on bytes that are not one. See the function of the family for its fields. */
  readonly decode: (bytes: Uint8Array) => object;
  /** Strict readings of one direction, for a control point of which some bytes are valid in one only. */
  readonly directions?: Readonly<Record<Direction, Codec['decode']>>;
}

/** Whether a client wrote a value or a device sent it. */
export type Direction = 'request' | 'response';

/** By 16-bit characteristic UUID. */
const CHARACTERISTICS: ReadonlyMap<number, Codec> = new Map<number, Codec>([
  [0x2a08, { name: 'Date Time', decode: decodeDateTime }],
  [0x2a0d, { name: 'DST Offset', decode: decodeDstOffset }],
  [0x2a0e, { name: 'Time Zone', decode: decodeTimeZone }],
  [0x2a0f, { name: 'Local Time Information', decode: decodeLocalTimeInformation }],
  [0x2a18, { name: 'Glucose Measurement', decode: decodeGlucoseMeasurement }],
  [0x2a19, { name: 'Battery Level', decode: decodeBatteryLevel }],
  [0x2a1c, { name: 'Temperature Measurement', decode: decodeTemperatureMeasurement }],
  [0x2a1d, { name: 'Temperature Type', decode: decodeTemperatureType }],
  [0x2a1e, { name: 'Intermediate Temperature', decode: decodeTemperatureMeasurement }],
  [0x2a21, { name: 'Measurement Interval', decode: decodeMeasurementInterval }],
  [0x2a23, { name: 'System ID', decode: decodeSystemId }],
  [0x2a2a, { name: 'IEEE 11073-20601 Regulatory Certification Data List', decode: decodeCertificationData }],
  [0x2a2b, { name: 'Current Time', decode: decodeCurrentTime }],
  [0x2a34, { name: 'Glucose Measurement Context', decode: decodeGlucoseContext }],
  [0x2a35, { name: 'Blood Pressure Measurement', decode: decodeBloodPressureMeasurement }],
  [0x2a36, { name: 'Intermediate Cuff Pressure', decode: decodeIntermediateCuffPressure }],
  [0x2a37, { name: 'Heart Rate Measurement', decode: decodeHeartRateMeasurement }],
  [0x2a38, { name: 'Body Sensor Location', decode: decodeBodySensorLocation }],
  [0x2a39, { name: 'Heart Rate Control Point', decode: decodeHeartRateControlPoint }],
  [0x2a49, { name: 'Blood Pressure Feature', decode: decodeBloodPressureFeature }],
  [0x2a50, { name: 'PnP ID', decode: decodePnpId }],
  [0x2a51, { name: 'Glucose Feature', decode: decodeGlucoseFeature }],
  [
    0x2a52,
    {
      name: 'Record Access Control Point',
      decode: decodeRacp,
      directions: { request: decodeRacpRequest, response: decodeRacpResponse },
    },
  ],
  [0x2a53, { name: 'RSC Measurement', decode: decodeRscMeasurement }],
  [0x2a5b, { name: 'CSC Measurement', decode: decodeCscMeasurement }],
  [0x2a5e, { name: 'PLX Spot-Check Measurement', decode: decodePlxSpotCheckMeasurement }],
  [0x2a5f, { name: 'PLX Continuous Measurement', decode: decodePlxContinuousMeasurement }],
  [0x2a60, { name: 'PLX Features', decode: decodePlxFeatures }],
  [0x2a99, { name: 'Database Change Increment', decode: decodeDatabaseChangeIncrement }],
  [0x2a9a, { name: 'User Index', decode: decodeUserIndex }],
  [0x2a9b, { name: 'Body Composition Feature', decode: decodeBodyCompositionFeature }],
  [0x2a9c, { name: 'Body Composition Measurement', decode: decodeBodyCompositionMeasurement }],
  [0x2a9d, { name: 'Weight Measurement', decode: decodeWeightMeasurement }],
  [0x2a9e, { name: 'Weight Scale Feature', decode: decodeWeightScaleFeature }],
  [0x2a9f, { name: 'User Control Point', decode: decodeUserControlPoint }],
  [0x2aa7, { name: 'CGM Measurement', decode: decodeCgmMeasurement }],
  [0x2aa8, { name: 'CGM Feature', decode: decodeCgmFeature }],
  [0x2aa9, { name: 'CGM Status', decode: decodeCgmStatus }],
  [0x2aaa, { name: 'CGM Session Start Time', decode: decodeCgmSessionStartTime }],
  [0x2aab, { name: 'CGM Session Run Time', decode: decodeCgmSessionRunTime }],
  [0x2aac, { name: 'CGM Specific Ops Control Point', decode: decodeCgmControlPoint }],
  [0x2b34, { name: 'Enhanced Blood Pressure Measurement', decode: decodeEnhancedBloodPressureMeasurement }],
  [0x2b35, { name: 'Enhanced Intermediate Cuff Pressure', decode: decodeEnhancedIntermediateCuffPressure }],
  [0x2b36, { name: 'Blood Pressure Record', decode: decodeBloodPressureRecord }],
  [0x2b8b, { name: 'Live Health Observations', decode: decodeLiveHealthObservation }],
  [0x2b90, { name: 'Device Time', decode: decodeDeviceTime }],
  [0x2bdd, { name: 'Stored Health Observations', decode: decodeLiveHealthObservation }],
  [0x2bed, { name: 'Battery Level Status', decode: decodeBatteryLevelStatus }],
  [0x2bf1, { name: 'Observation Schedule Changed', decode: decodeObservationSchedule }],
  [0x2bf2, { name: 'Current Elapsed Time', decode: decodeCurrentElapsedTime }],
  [0x2bf3, { name: 'Health Sensor Features', decode: decodeGhsFeatures }],
  [0x2bf4, { name: 'GHS Control Point', decode: decodeGhsControlPoint }],
  [0x2bff, { name: 'UDI for Medical Devices', decode: decodeUdi }],
]);

/**
 * What else can be read: parts of characteristics by their names in the standards, and advertised data, by the UUID of
 * the service or the identifier of the company that they stand under.
 */
const OTHERS: ReadonlyMap<string, Codec> = new Map<string, Codec>([
  ['SFLOAT', { name: 'SFLOAT', decode: (bytes: Uint8Array) => ({ value: decodeSfloat(bytes) }) }],
  ['FLOAT', { name: 'FLOAT', decode: (bytes: Uint8Array) => ({ value: decodeFloat(bytes) }) }],
  ['FCD2-ADV', { name: 'BTHome version 2', decode: decodeBthome }],
  ['181D-ADV', { name: 'Xiaomi scale', decode: decodeMiScaleWeight }],
  ['181B-ADV', { name: 'Xiaomi body composition scale', decode: decodeMiScaleComposition }],
  ['006B-ADV', { name: 'Polar heart rate', decode: decodePolarAdvertisement }],
  ['CRC16', { name: 'E2E-CRC', decode: (bytes: Uint8Array) => ({ crc: crc16(bytes) }) }],
]);

/** Codec of a 16-bit UUID. Throws `unknown-characteristic`. */
export function codecOf(characteristic: number): Codec {
  const codec = CHARACTERISTICS.get(characteristic);
  if (!codec) throw new Fault('unknown-characteristic', 'no codec for this characteristic');
  return codec;
}

/**
 * Codec by name: four hex digits of a 16-bit UUID, or SFLOAT, FLOAT, CRC16, FCD2-adv, 181D-adv, 181B-adv, 006B-adv, in
 * either case. Throws `unknown-characteristic`.
 */
export function codecNamed(name: string): Codec {
  const other = OTHERS.get(name.toUpperCase());
  if (other) return other;
  return codecOf(/^[0-9a-f]{4}$/i.test(name) ? Number.parseInt(name, 16) : Number.NaN);
}

/** All 16-bit UUIDs that have a codec, ascending. */
export function knownCharacteristics(): number[] {
  return [...CHARACTERISTICS.keys()];
}
