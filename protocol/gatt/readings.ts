/**
 * From a value to readings: what is signed, filed and shown. Pure and deterministic, because a stranger runs it again on
 * the raw bytes of a receipt and compares.
 */
import { isDecimal } from '../decimal.ts';
import { decodeQuirk } from '../devices/value-quirks.ts';
import { Fault } from '../fault.ts';
import { codecOf } from './catalog.ts';
import {
  type Carrier,
  type MeasuredVital,
  type Measurement,
  notAResult,
  type Reader,
  type ReadingContext,
} from './measured-vital.ts';
import {
  bthomeReadings,
  miScaleCompositionReadings,
  miScaleWeightReadings,
  polarReadings,
} from './readings-advertised.ts';
import { cgmReadings } from './readings-cgm.ts';
import { bloodPressureReadings, bloodPressureRecordReadings, enhancedBloodPressureReadings } from './readings-cuff.ts';
import { liveReadings, storedReadings } from './readings-ghs.ts';
import { glucoseReadings } from './readings-glucose.ts';
import { continuousReadings, spotCheckReadings } from './readings-oximeter.ts';
import { bodyCompositionReadings, weightReadings } from './readings-scale.ts';
import { batteryReadings, heartRateReadings, runningReadings, temperatureReadings } from './readings-simple.ts';

export type { MeasuredVital, ReadingContext } from './measured-vital.ts';

/** By 16-bit characteristic UUID. */
const READERS: ReadonlyMap<number, Reader> = new Map<number, Reader>([
  [0x2a18, glucoseReadings],
  [0x2a19, batteryReadings],
  [0x2a1c, temperatureReadings],
  [0x2a35, bloodPressureReadings],
  [0x2a37, heartRateReadings],
  [0x2a53, runningReadings],
  [0x2a5e, spotCheckReadings],
  [0x2a5f, continuousReadings],
  [0x2a9c, bodyCompositionReadings],
  [0x2a9d, weightReadings],
  [0x2aa7, cgmReadings],
  [0x2b34, enhancedBloodPressureReadings],
  [0x2b36, bloodPressureRecordReadings],
  [0x2b8b, liveReadings],
  [0x2bdd, storedReadings],
]);

/** By the UUID of the service or the identifier of the company. */
const ADVERTISED: Readonly<Record<Carrier, ReadonlyMap<number, Reader>>> = {
  'service-data': new Map<number, Reader>([
    [0x181b, miScaleCompositionReadings],
    [0x181d, miScaleWeightReadings],
    [0xfcd2, bthomeReadings],
  ]),
  'manufacturer-data': new Map<number, Reader>([[0x006b, polarReadings]]),
};

/**
 * Readings of one value, in a fixed order; none for characteristics that carry no finished measurement (features,
 * intermediate values). `characteristic` is a 16-bit UUID, or with a carrier what stands in its place. Throws
 * `unknown-characteristic` and what the decoder of the characteristic throws. What the context holds and cannot be read
 * costs what it would have told, not the readings. Throws `not-found` for a profile that is not known here, where bytes
 * could depend on it.
 */
export function readingsOf(
  characteristic: number,
  bytes: Uint8Array,
  context: ReadingContext = {},
): readonly MeasuredVital[] {
  return measurementOf(characteristic, bytes, context).readings;
}

/** {@link readingsOf} with what else was in the value and is no reading. */
export function measurementOf(characteristic: number, bytes: Uint8Array, context: ReadingContext = {}): Measurement {
  const { profile, carrier } = context;
  if (carrier !== undefined) {
    const advertised = ADVERTISED[carrier].get(characteristic);
    if (!advertised) throw new Fault('unknown-characteristic', 'no readings of such advertised data');
    return advertised(bytes, context);
  }
  const reader = READERS.get(characteristic);
  if (reader) return reader(bytes, context);
  if (profile === undefined || !decodeQuirk(characteristic, bytes, profile)) codecOf(characteristic).decode(bytes);
  return notAResult();
}

/** True when a reading carries at least one number. */
export function hasNumber({ value, components }: Pick<MeasuredVital, 'value' | 'components'>): boolean {
  if (value !== undefined) return isDecimal(value);
  return (components ?? []).some((part) => isDecimal(part.value));
}
