/** How the fields of a leaf are read (docs/format.md §4): each function throws `malformed` or `not-canonical`. */
import { type CborFields, type CborValue, sensorValueFromCbor } from './cbor.ts';
import type { SensorValue } from './decimal.ts';
import { Fault } from './fault.ts';
import { type Instant, isZone, type WallClock } from './time.ts';

/** One part of a panel. */
export function readComponent(component: CborValue): { vital: number; value: SensorValue } {
  if (!Array.isArray(component) || component.length !== 2) throw new Fault('malformed', 'not a component');
  const [vital, value] = component as [CborValue, CborValue];
  if (typeof vital !== 'number' || vital < 0) throw new Fault('malformed', 'not a component');
  return { vital, value: sensorValueFromCbor(value) };
}

/** Quality flags and names of device profiles. */
export const TOKEN = /^[a-z][a-z0-9-]{0,63}$/;

/** A set of tokens has one encoding. */
export function assertFlags(flags: readonly string[]): void {
  if (!flags.every((flag) => TOKEN.test(flag))) throw new Fault('malformed', 'not a quality token');
  if (flags.some((flag, i) => i > 0 && flags[i - 1]! >= flag)) throw new Fault('not-canonical', 'flags unsorted');
}

/** Furthest instant, either way, that a date can show in every zone. */
const MAX_INSTANT = 8_640_000_000_000_000 - 86_400_000;

/** An instant that some date shows. */
export function readInstant(fields: CborFields, key: number): Instant {
  const instant = fields.int(key);
  if (Math.abs(instant) > MAX_INSTANT) throw new Fault('malformed', 'not an instant');
  return instant;
}

/** How far two clocks are apart, ms; 0 is left out. */
export function readOffset(fields: CborFields, key: number): number {
  const offset = fields.int(key);
  if (offset === 0) throw new Fault('not-canonical', 'an offset of 0 is left out');
  if (Math.abs(offset) > MAX_INSTANT) throw new Fault('malformed', 'not an offset of clocks');
  return offset;
}

/** A device's clock. */
export function readWallClock(fields: CborFields, key: number): WallClock {
  const wallClock = fields.text(key);
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/.test(wallClock)) throw new Fault('malformed', 'not a wall clock');
  return wallClock;
}

/** Minutes east of UTC. */
export function readZone(fields: CborFields): number {
  const zoneMin = fields.int(15);
  if (!isZone(zoneMin)) throw new Fault('malformed', 'no such zone');
  return zoneMin;
}

/** A flag that is left out where it does not hold. */
export function readTrue(fields: CborFields, key: number): boolean {
  if (!fields.has(key)) return false;
  if (!fields.bool(key)) throw new Fault('not-canonical', 'false is left out');
  return true;
}

/** A token of a closed set. */
export function oneOf<T extends string>(set: readonly T[], value: string): T {
  const found = set.find((item) => item === value);
  if (found === undefined) throw new Fault('malformed', 'token outside its set');
  return found;
}

/** `{ [key]: value }`, or nothing where the value is absent: absent is not undefined. */
export function present<K extends string, T>(key: K, value: T | undefined): { [P in K]?: T } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]: T });
}
