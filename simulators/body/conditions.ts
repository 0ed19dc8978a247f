/**
 * What a simulated person goes through: declared conditions with a beginning and an end, and the smooth hills by which
 * they change a body. All of it follows from the declaration and the instant.
 */
import type { Instant } from '../../protocol/time.ts';

interface Period {
  readonly from: Instant;
  readonly to: Instant;
}

export type Activity = 'walking' | 'running' | 'cycling';

export type Condition =
  /** Slower heart and breath, lower pressure, and short dips of oxygen saturation. */
  | ({ readonly kind: 'sleep' } & Period)
  /** `intensity` above 0 up to 1. */
  | ({ readonly kind: 'exercise'; readonly activity: Activity; readonly intensity: number } & Period)
  /** Degrees Celsius above the person's own temperature, at the worst. */
  | ({ readonly kind: 'fever'; readonly riseC: number } & Period)
  | ({ readonly kind: 'atrial-fibrillation' } & Period)
  /** Glucose at its lowest, mg/dL. */
  | ({ readonly kind: 'hypoglycemia'; readonly nadirMgDl: number } & Period)
  /** Weight goes up, or down below zero, for as long. */
  | ({ readonly kind: 'weight-trend'; readonly kgPerWeek: number } & Period);

export type ConditionKind = Condition['kind'];

/** Rises, stays, and falls, smoothly. */
export interface Hill {
  /** Seconds since the Unix epoch. */
  readonly from: number;
  readonly to: number;
  /** Seconds of its rise and of its fall, at most half of the whole. */
  readonly ramp: number;
  readonly height: number;
}

const SECOND_MS = 1000;

/** How long a body takes to change, s. */
const RAMPS: Readonly<Record<Exclude<ConditionKind, 'weight-trend'>, number>> = {
  sleep: 900,
  exercise: 240,
  fever: 7200,
  'atrial-fibrillation': 30,
  hypoglycemia: 1200,
};

/** The course of a condition as a hill of height 1. */
export function courseOf({ kind, from, to }: Exclude<Condition, { kind: 'weight-trend' }>): Hill {
  const [begin, end] = [from / SECOND_MS, to / SECOND_MS];
  return { from: begin, to: end, ramp: Math.min(RAMPS[kind], (end - begin) / 2), height: 1 };
}

/** Height of a hill at a second since the epoch. */
export function hillAt({ from, to, ramp, height }: Hill, second: number): number {
  const inside = Math.min(second - from, to - second);
  if (inside <= 0) return 0;
  return inside >= ramp ? height : (height / 2) * (1 - Math.cos((Math.PI * inside) / ramp));
}

/** Area of a hill up to a second since the epoch. */
export function areaOf(hill: Hill, second: number): number {
  const { from, to, ramp, height } = hill;
  const [into, length] = [second - from, to - from];
  if (into <= 0) return 0;
  if (into >= length) return height * (length - ramp);
  if (into > length - ramp) return height * (length - ramp) - rise(hill, length - into);
  return into < ramp ? rise(hill, into) : height * (into - ramp / 2);
}

/** Area of the first seconds of the rise. */
function rise({ ramp, height }: Hill, into: number): number {
  return (height / 2) * (into - (ramp / Math.PI) * Math.sin((Math.PI * into) / ramp));
}

/** Sum of hills at an instant. */
export function heightAt(hills: readonly Hill[], at: Instant): number {
  let sum = 0;
  for (const hill of hills) sum += hillAt(hill, at / SECOND_MS);
  return sum;
}
