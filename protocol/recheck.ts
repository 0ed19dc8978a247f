/** A reading against its own raw bytes: decoded again, is it what the leaf says? The agent uses the same functions. */
import { equalBytes } from './bytes.ts';
import { type SensorValue, sameSensorValue } from './decimal.ts';
import { isFault } from './fault.ts';
import { type MeasuredVital, readingsOf } from './gatt/readings.ts';
import type { ReadingLeaf } from './leaf.ts';
import { explainTime, type TimeFlag, timeFlagsOf } from './measured-time.ts';
import { isPlausible } from './vital-signs.ts';

/** Token that the agent adds to a reading that no body could have; it is flagged, never dropped. */
export const IMPLAUSIBLE = 'implausible';

/**
 * Quality tokens of a reading: what the sensor said, what its times say, and `implausible` where the table says so;
 * sorted.
 */
export function qualityOf(measured: MeasuredVital, timeFlags: readonly TimeFlag[] = []): string[] {
  const plausible = valuesOf(measured).every(({ vital, value }) => isPlausible(vital, measured.unit, value));
  return [...measured.flags, ...timeFlags, ...(plausible ? [] : [IMPLAUSIBLE])].sort();
}

/** What differs between a leaf and its raw bytes, in words without values; `undefined` when nothing does. */
export function explainReading(leaf: ReadingLeaf): string | undefined {
  const candidates = decodeAgain(leaf);
  if (typeof candidates === 'string') return candidates;
  // A value of several observations may hold one vital sign at several times.
  const differences = candidates.map((measured) => explain(measured, leaf));
  return differences.includes(undefined) ? undefined : differences[0];
}

/** The reading that a leaf's raw bytes give: what it says beyond the leaf. Undefined where they do not give this one. */
export function measuredAgain(leaf: ReadingLeaf): MeasuredVital | undefined {
  const candidates = decodeAgain(leaf);
  return typeof candidates === 'string' ? undefined : candidates.find((measured) => !explain(measured, leaf));
}

function explain(measured: MeasuredVital, leaf: ReadingLeaf): string | undefined {
  if (!equalBytes(measured.raw, leaf.raw)) return 'the raw bytes hold more than one reading';
  if (measured.profile !== leaf.profile) return 'they need no device profile';
  if (!sameOptional(measured.companion, leaf.companion)) return 'they need no other value';
  if (!sameOptional(measured.feature, leaf.feature)) return 'they need no feature value';
  if (measured.unit !== leaf.unit) return 'the unit differs';
  if (!sameValues(measured, leaf)) return 'the value differs';
  if (measured.deviceClock !== leaf.deviceClock) return 'the device clock differs';
  if (qualityOf(measured, timeFlagsOf(leaf)).join() !== leaf.flags.join()) return 'the quality flags differ';
  if (measured.zoneMin !== undefined && measured.zoneMin !== leaf.zoneMin) return 'the time zone differs';
  return explainTime(leaf);
}

function decodeAgain(leaf: ReadingLeaf): MeasuredVital[] | string {
  try {
    const { characteristic, raw, sessionStart, profile, companion, feature, carrier, vital } = leaf;
    const context = {
      ...(sessionStart && { sessionStart }),
      ...(profile !== undefined && { profile }),
      ...(companion && { companion }),
      ...(feature && { feature }),
      ...(carrier !== undefined && { carrier }),
    };
    const candidates = readingsOf(characteristic, raw, context).filter((measured) => measured.vital === vital);
    return candidates.length === 0 ? 'they hold no such vital sign' : candidates;
  } catch (error) {
    if (isFault(error)) return `they do not decode (${error.code})`;
    throw error;
  }
}

function sameOptional(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : equalBytes(a, b);
}

function sameValues(a: MeasuredVital, b: ReadingLeaf): boolean {
  if ((a.value === undefined) !== (b.value === undefined)) return false;
  const left = valuesOf(a);
  const right = valuesOf(b);
  return (
    left.length === right.length &&
    left.every(({ vital, value }, i) => vital === right[i]!.vital && sameSensorValue(value, right[i]!.value))
  );
}

function valuesOf(of: MeasuredVital | ReadingLeaf): readonly { vital: number; value: SensorValue }[] {
  return of.components ?? (of.value === undefined ? [] : [{ vital: of.vital, value: of.value }]);
}
