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
  const measured = decodeAgain(leaf);
  if (typeof measured === 'string') return measured;
  if (!equalBytes(measured.raw, leaf.raw)) return 'the raw bytes hold more than one reading';
  if (measured.profile !== leaf.profile) return 'they need no device profile';
  if (measured.unit !== leaf.unit) return 'the unit differs';
  if (!sameValues(measured, leaf)) return 'the value differs';
  if (measured.deviceClock !== leaf.deviceClock) return 'the device clock differs';
  if (qualityOf(measured, timeFlagsOf(leaf)).join() !== leaf.flags.join()) return 'the quality flags differ';
  if (measured.zoneMin !== undefined && measured.zoneMin !== leaf.zoneMin) return 'the time zone differs';
  return explainTime(leaf);
}

function decodeAgain(leaf: ReadingLeaf): MeasuredVital | string {
  try {
    const { characteristic, raw, sessionStart, profile, vital } = leaf;
    const context = { ...(sessionStart && { sessionStart }), ...(profile !== undefined && { profile }) };
    const measured = readingsOf(characteristic, raw, context);
    return measured.find((candidate) => candidate.vital === vital) ?? 'they hold no such vital sign';
  } catch (error) {
    if (isFault(error)) return `they do not decode (${error.code})`;
    throw error;
  }
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
