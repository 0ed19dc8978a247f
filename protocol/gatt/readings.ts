/**
 * From the value of a characteristic to readings: what is signed, filed and shown. Pure and deterministic, because a
 * stranger runs it again on the raw bytes of a receipt and compares.
 */
import { copyBytes } from '../bytes.ts';
import { isDecimal, type SensorValue } from '../decimal.ts';
import { decodeBloodPressureQuirk, decodeQuirk } from '../devices/value-quirks.ts';
import { isFault } from '../fault.ts';
import { isZone, type WallClock } from '../time.ts';
import { MDC } from '../vital-signs.ts';
import { decodeBatteryLevel } from './battery.ts';
import { decodeBloodPressureMeasurement } from './blood-pressure.ts';
import { codecOf } from './catalog.ts';
import { decodeCgmMeasurement } from './cgm.ts';
import { type CgmSessionStartTime, decodeCgmSessionStartTime, sessionWallClock } from './cgm-session.ts';
import { type DateTime, dateTimeToWallClock } from './date-time.ts';
import { decodeHeartRateMeasurement } from './heart-rate.ts';
import {
  decodePlxContinuousMeasurement,
  decodePlxSpotCheckMeasurement,
  type PlxContinuousMeasurement,
  type PlxSpotCheckMeasurement,
} from './pulse-oximeter.ts';
import { cgmFlags, cuffFlags, oximeterFlags, type QualityFlag, sortFlags, temperatureSite } from './quality.ts';
import { decodeTemperatureMeasurement } from './temperature.ts';

/** One vital sign as one characteristic value gives it. */
export interface MeasuredVital {
  /** MDC code: a row of the vital-sign table; for a blood pressure the panel 150020. */
  readonly vital: number;
  /** Absent for a panel. A special value is kept: a failed measurement happened too. */
  readonly value?: SensorValue;
  /** Parts of a panel, in the order of the table. */
  readonly components?: readonly { readonly vital: number; readonly value: SensorValue }[];
  /** UCUM, as the sensor gave it: nothing is converted. */
  readonly unit: string;
  /** Sorted, without repetition. */
  readonly flags: readonly QualityFlag[];
  /** MDC code of where a temperature was taken, when the thermometer said so. */
  readonly site?: number;
  /** The device's own time of measurement; absent unless it gave a full and possible date. */
  readonly deviceClock?: WallClock;
  /** Minutes that the device clock is east of UTC, daylight saving included; absent unless the device said so. */
  readonly zoneMin?: number;
  /** The characteristic value, for CGM the single record: a copy, which gives the same reading again. */
  readonly raw: Uint8Array;
  /** The device profile without which the bytes would read otherwise; absent where the standard says it all. */
  readonly profile?: string;
}

/** What must be known besides the value. */
export interface ReadingContext {
  /** Value of CGM Session Start Time 2AAA; without it a CGM reading has no device clock. */
  readonly sessionStart?: Uint8Array;
  /** Name of the device's profile; only its value quirks matter. */
  readonly profile?: string;
}

type Details = Omit<MeasuredVital, 'raw'>;
type Reader = (bytes: Uint8Array, context: ReadingContext) => MeasuredVital[];

const READERS: ReadonlyMap<number, Reader> = new Map([
  [0x2a19, batteryReadings],
  [0x2a1c, temperatureReadings],
  [0x2a35, bloodPressureReadings],
  [0x2a37, heartRateReadings],
  [0x2a5e, spotCheckReadings],
  [0x2a5f, continuousReadings],
  [0x2aa7, glucoseReadings],
]);

/**
 * Readings of one characteristic value, in a fixed order; none for characteristics that carry no finished measurement
 * (features, intermediate values). `characteristic` is a 16-bit UUID. Throws `unknown-characteristic` and what the
 * decoder of the characteristic throws. A session start that cannot be read costs the device clock, not the readings.
 * Throws `not-found` for a profile that is not known here, where bytes could depend on it.
 */
export function readingsOf(characteristic: number, bytes: Uint8Array, context: ReadingContext = {}): MeasuredVital[] {
  const reader = READERS.get(characteristic);
  if (reader) return reader(bytes, context);
  const { profile } = context;
  if (profile === undefined || !decodeQuirk(characteristic, bytes, profile)) codecOf(characteristic).decode(bytes);
  return [];
}

function withRaw(bytes: Uint8Array, readings: readonly Details[]): MeasuredVital[] {
  return readings.map((reading) => ({ ...reading, raw: copyBytes(bytes) }));
}

function flagsOf(flags: QualityFlag[], { unknownOctets }: { readonly unknownOctets: number }): QualityFlag[] {
  return sortFlags(unknownOctets > 0 ? [...flags, 'unknown-octets'] : flags);
}

function deviceClockOf(timestamp: DateTime | null): Pick<MeasuredVital, 'deviceClock'> {
  const deviceClock = timestamp === null ? undefined : dateTimeToWallClock(timestamp);
  return deviceClock === undefined ? {} : { deviceClock };
}

function whole(mantissa: number): SensorValue {
  return { mantissa, exponent: 0 };
}

function heartRateReadings(bytes: Uint8Array): MeasuredVital[] {
  const measurement = decodeHeartRateMeasurement(bytes);
  const flags = flagsOf(measurement.contactDetected === false ? ['no-contact'] : [], measurement);
  return withRaw(bytes, [{ vital: MDC.heartRate, value: whole(measurement.heartRate), unit: '/min', flags }]);
}

function bloodPressureReadings(bytes: Uint8Array, { profile }: ReadingContext): MeasuredVital[] {
  const quirky = profile === undefined ? undefined : decodeBloodPressureQuirk(bytes, profile);
  const measurement = quirky ?? decodeBloodPressureMeasurement(bytes);
  const { systolic, diastolic, map, pulseRate, timestamp } = measurement;
  const shared = {
    flags: flagsOf(cuffFlags(measurement.status), measurement),
    ...deviceClockOf(timestamp),
    ...(quirky && profile !== undefined ? { profile } : {}),
  };
  const components = [
    { vital: MDC.systolic, value: systolic },
    { vital: MDC.diastolic, value: diastolic },
    { vital: MDC.meanPressure, value: map },
  ];
  const unit = measurement.unit === 'kPa' ? 'kPa' : 'mm[Hg]';
  const readings: Details[] = [{ vital: MDC.bloodPressure, components, unit, ...shared }];
  if (pulseRate !== null) readings.push({ vital: MDC.cuffPulse, value: pulseRate, unit: '/min', ...shared });
  return withRaw(bytes, readings);
}

function temperatureReadings(bytes: Uint8Array): MeasuredVital[] {
  const measurement = decodeTemperatureMeasurement(bytes);
  const site = temperatureSite(measurement);
  const reading: Details = {
    vital: MDC.temperature,
    value: measurement.value,
    unit: measurement.unit === 'F' ? '[degF]' : 'Cel',
    flags: flagsOf([], measurement),
    ...(site === undefined ? {} : { site }),
    ...deviceClockOf(measurement.timestamp),
  };
  return withRaw(bytes, [reading]);
}

function oximeterReadings(
  bytes: Uint8Array,
  measurement: PlxContinuousMeasurement | PlxSpotCheckMeasurement,
  extraFlags: QualityFlag[],
  clock: Pick<MeasuredVital, 'deviceClock'>,
): MeasuredVital[] {
  const { spo2, pr, pai, measurementStatus, sensorStatus } = measurement;
  const flags = flagsOf([...extraFlags, ...oximeterFlags(measurementStatus, sensorStatus)], measurement);
  const readings: Details[] = [
    { vital: MDC.oxygenSaturation, value: spo2, unit: '%', flags, ...clock },
    { vital: MDC.oximeterPulse, value: pr, unit: '/min', flags, ...clock },
  ];
  if (pai !== null) readings.push({ vital: MDC.perfusion, value: pai, unit: '%', flags, ...clock });
  return withRaw(bytes, readings);
}

function continuousReadings(bytes: Uint8Array): MeasuredVital[] {
  // The fast and slow averages are the same vital sign at the same instant: they stay in the raw bytes.
  return oximeterReadings(bytes, decodePlxContinuousMeasurement(bytes), [], {});
}

function spotCheckReadings(bytes: Uint8Array): MeasuredVital[] {
  const measurement = decodePlxSpotCheckMeasurement(bytes);
  const flags: QualityFlag[] = measurement.clockNotSet ? ['clock-not-set'] : [];
  return oximeterReadings(bytes, measurement, flags, deviceClockOf(measurement.timestamp));
}

function glucoseReadings(bytes: Uint8Array, { sessionStart }: ReadingContext): MeasuredVital[] {
  const start = sessionStart === undefined ? undefined : readSessionStart(sessionStart);
  return decodeCgmMeasurement(bytes).records.map((record) => ({
    vital: MDC.glucose,
    value: record.glucose,
    unit: 'mg/dL',
    flags: flagsOf(cgmFlags(record), record),
    ...(start ? sessionClock(start, record.offsetMin) : {}),
    raw: record.raw,
  }));
}

function readSessionStart(bytes: Uint8Array): CgmSessionStartTime | undefined {
  try {
    return decodeCgmSessionStartTime(bytes);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

function sessionClock(start: CgmSessionStartTime, offsetMin: number): Pick<MeasuredVital, 'deviceClock' | 'zoneMin'> {
  const deviceClock = sessionWallClock(start, offsetMin);
  if (deviceClock === undefined) return {};
  // GSS Time Zone excludes daylight saving: one without the other is no offset from UTC.
  if (start.tzMin === null || start.dstMin === null) return { deviceClock };
  const zoneMin = start.tzMin + start.dstMin;
  return isZone(zoneMin) ? { deviceClock, zoneMin } : { deviceClock };
}

function batteryReadings(bytes: Uint8Array): MeasuredVital[] {
  const { percent } = decodeBatteryLevel(bytes);
  return withRaw(bytes, [{ vital: MDC.battery, value: whole(percent), unit: '%', flags: [] }]);
}

/** True when a reading carries at least one number. */
export function hasNumber({ value, components }: Pick<MeasuredVital, 'value' | 'components'>): boolean {
  if (value !== undefined) return isDecimal(value);
  return (components ?? []).some((part) => isDecimal(part.value));
}
