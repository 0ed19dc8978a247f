/** Readings of oximeters: PLX Spot-Check Measurement 2A5E and PLX Continuous Measurement 2A5F. */
import { copyBytes } from '../bytes.ts';
import { MDC } from '../vital-signs.ts';
import {
  type Details,
  deviceClockOf,
  flagsOf,
  type Measurement,
  measurement,
  type ReadingContext,
  readable,
} from './measured-vital.ts';
import {
  decodePlxContinuousMeasurement,
  decodePlxFeatures,
  decodePlxSpotCheckMeasurement,
  type PlxContinuousMeasurement,
  type PlxFeatures,
  type PlxSpotCheckMeasurement,
} from './pulse-oximeter.ts';
import { oximeterFlags, type QualityFlag } from './quality.ts';

/** 2A5F. The fast and slow averages are the same vital sign at the same instant: they stay in the raw bytes. */
export function continuousReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  return oximeterReadings(bytes, decodePlxContinuousMeasurement(bytes), [], {}, context);
}

/** 2A5E. */
export function spotCheckReadings(bytes: Uint8Array, context: ReadingContext): Measurement {
  const decoded = decodePlxSpotCheckMeasurement(bytes);
  const flags: QualityFlag[] = decoded.clockNotSet ? ['clock-not-set'] : [];
  return oximeterReadings(bytes, decoded, flags, deviceClockOf(decoded.timestamp), context);
}

function oximeterReadings(
  bytes: Uint8Array,
  decoded: PlxContinuousMeasurement | PlxSpotCheckMeasurement,
  extraFlags: QualityFlag[],
  clock: Pick<Details, 'deviceClock'>,
  { feature }: ReadingContext,
): Measurement {
  const { spo2, pr, pai } = decoded;
  const hasStatus = decoded.measurementStatus !== null || decoded.sensorStatus !== null;
  const claimed = hasStatus ? readable(feature, decodePlxFeatures) : undefined;
  const { measurementStatus, sensorStatus } = claimed ? claimedStatus(decoded, claimed) : decoded;
  const isTest = measurementStatus?.some((status) => status === 'demonstration' || status === 'testing');
  const shared = {
    flags: flagsOf([...extraFlags, ...oximeterFlags(measurementStatus, sensorStatus)], decoded),
    ...clock,
    ...(isTest && { isTest: true as const }),
    ...(claimed && feature && { feature: copyBytes(feature) }),
  };
  const readings: Details[] = [
    { vital: MDC.oxygenSaturation, value: spo2, unit: '%', ...shared },
    { vital: MDC.oximeterPulse, value: pr, unit: '/min', ...shared },
  ];
  if (pai !== null) readings.push({ vital: MDC.perfusion, value: pai, unit: '%', ...shared });
  return measurement(bytes, readings);
}

type Status = Pick<PlxContinuousMeasurement, 'measurementStatus' | 'sensorStatus'>;

/** PLXS PLX Features: what the oximeter does not claim to report means nothing when it is set. */
function claimedStatus(
  { measurementStatus, sensorStatus }: Status,
  { features, measurementStatusSupport, sensorStatusSupport }: PlxFeatures,
): Status {
  return {
    measurementStatus: claimedOf(measurementStatus, features.includes('measurementStatus'), measurementStatusSupport),
    sensorStatus: claimedOf(sensorStatus, features.includes('sensorStatus'), sensorStatusSupport),
  };
}

function claimedOf<Name>(
  set: readonly Name[] | null,
  supported: boolean,
  mask: readonly Name[] | null,
): readonly Name[] | null {
  if (set === null || !supported) return null;
  // Oximeters are seen that leave the mask out: then nothing is known of single bits.
  return mask === null ? set : set.filter((name) => mask.includes(name));
}
