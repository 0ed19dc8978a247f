/** Readings of cuffs: Blood Pressure Measurement 2A35, Enhanced Blood Pressure Measurement 2B34, and records 2B36 of both. */
import { copyBytes } from '../bytes.ts';
import { decodeBloodPressureQuirk } from '../devices/value-quirks.ts';
import { Fault } from '../fault.ts';
import { type Instant, instantToWallClock, isZone } from '../time.ts';
import { MDC } from '../vital-signs.ts';
import {
  type BloodPressureFeature,
  type BloodPressureMeasurement,
  decodeBloodPressureFeature,
  decodeBloodPressureMeasurement,
} from './blood-pressure.ts';
import { checkRecord, decodeBloodPressureRecord } from './blood-pressure-record.ts';
import {
  decodeEnhancedBloodPressureMeasurement,
  type EnhancedBloodPressureMeasurement,
} from './enhanced-blood-pressure.ts';
import {
  type Details,
  deviceClockOf,
  flagsOf,
  type Measurement,
  measurement,
  notAResult,
  type Reader,
  type ReadingContext,
  readable,
  userOf,
} from './measured-vital.ts';
import { cuffFlags, type QualityFlag, sortFlags } from './quality.ts';

type Pressures = BloodPressureMeasurement | EnhancedBloodPressureMeasurement;

/** 2A35. */
export function bloodPressureReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  const { profile } = context;
  const quirky = profile === undefined ? undefined : decodeBloodPressureQuirk(bytes, profile);
  const decoded = quirky ?? decodeBloodPressureMeasurement(bytes);
  const shared = {
    ...deviceClockOf(decoded.timestamp),
    ...(quirky && profile !== undefined ? { profile } : {}),
  };
  return measurement(bytes, cuffReadings(decoded, shared, context));
}

/** 2B34. */
export function enhancedBloodPressureReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  const decoded = decodeEnhancedBloodPressureMeasurement(bytes);
  return measurement(bytes, cuffReadings(decoded, enhancedClock(decoded), context));
}

function cuffReadings(decoded: Pressures, clock: Partial<Details>, { feature }: ReadingContext): Details[] {
  const { systolic, diastolic, map, pulseRate, status, userId } = decoded;
  const claimed = status === null ? undefined : readable(feature, decodeBloodPressureFeature);
  const shared = {
    flags: flagsOf(cuffFlags(status, claimed?.features), decoded),
    ...clock,
    ...userOf(userId),
    ...(claimed && feature && { feature: copyBytes(feature) }),
  };
  const components = [
    { vital: MDC.systolic, value: systolic },
    { vital: MDC.diastolic, value: diastolic },
    { vital: MDC.meanPressure, value: map },
  ];
  const unit = decoded.unit === 'kPa' ? 'kPa' : 'mm[Hg]';
  const readings: Details[] = [{ vital: MDC.bloodPressure, components, unit, ...shared }];
  if (pulseRate !== null) readings.push({ vital: MDC.cuffPulse, value: pulseRate, unit: '/min', ...shared });
  return readings;
}

const EPOCHS: Readonly<Record<1900 | 2000, Instant>> = { 1900: -2_208_988_800_000, 2000: 946_684_800_000 };
const MINUTE_S = 60;

/**
 * The time that the cuff shows, in the zone by which it differs from UTC; without one of the two, the other. A difference
 * that is no zone means that its owner set the shown time at will: then UTC counts.
 */
function enhancedClock({
  epoch,
  timestampS,
  userFacingTimeS,
}: EnhancedBloodPressureMeasurement): Pick<Details, 'deviceClock' | 'zoneMin'> {
  const clock = (seconds: number) => instantToWallClock(EPOCHS[epoch] + seconds * 1000, 0);
  if (timestampS === null) return userFacingTimeS === null ? {} : { deviceClock: clock(userFacingTimeS) };
  const zoneMin = userFacingTimeS === null ? Number.NaN : (userFacingTimeS - timestampS) / MINUTE_S;
  if (userFacingTimeS !== null && isZone(zoneMin)) return { deviceClock: clock(userFacingTimeS), zoneMin };
  return { deviceClock: clock(timestampS), zoneMin: 0 };
}

const RECORDED: Readonly<Record<string, Reader>> = {
  '2A35': bloodPressureReadings,
  '2B34': enhancedBloodPressureReadings,
};

/**
 * 2B36: the readings of the value that a whole record holds. Whether the record ends with a CRC the feature value says;
 * where it is not known, a right one is taken for one.
 */
export function bloodPressureRecordReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  const record = decodeBloodPressureRecord(bytes);
  if (!record.first || !record.last) return notAResult('segment');
  const feature = readable(context.feature, decodeBloodPressureFeature);
  const { value, crcValid } = contentOf(record, feature);
  const reader = RECORDED[record.uuid];
  if (!reader) {
    // Pressures while the cuff was still measuring: no readings, recorded or not.
    if (record.uuid === '2A36' || record.uuid === '2B35') return notAResult();
    throw new Fault('unknown-characteristic', 'not a value of a cuff');
  }
  const { readings, notResults } = reader(value, context);
  const more: QualityFlag[] = crcValid ? ['from-storage'] : ['from-storage', 'crc-mismatch'];
  const recorded = readings.map((reading) => ({
    ...reading,
    flags: sortFlags([...reading.flags, ...more]),
    deviceSequence: record.sequence,
    ...(feature && context.feature && { feature: copyBytes(context.feature) }),
  }));
  return measurement(bytes, recorded, notResults);
}

/** What a whole record 2B36 holds: the value of another characteristic. Throws what its decoder throws. */
export function recordedValue(
  bytes: Uint8Array,
  feature: Uint8Array | undefined,
): { readonly characteristic: number; readonly value: Uint8Array } {
  const record = decodeBloodPressureRecord(bytes);
  const { value } = contentOf(record, readable(feature, decodeBloodPressureFeature));
  return { characteristic: Number.parseInt(record.uuid, 16), value };
}

function contentOf(
  record: ReturnType<typeof decodeBloodPressureRecord>,
  feature: BloodPressureFeature | undefined,
): { readonly value: Uint8Array; readonly crcValid: boolean } {
  const bare = { value: record.data, crcValid: true };
  if (feature) return feature.features.includes('e2eCrc') ? checkRecord(record) : bare;
  if (record.data.length < 2) return bare;
  const checked = checkRecord(record);
  return checked.crcValid ? checked : bare;
}
