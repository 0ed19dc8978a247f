/** Weight and body composition of a simulated person. */
import type { Instant } from '../../protocol/time.ts';
import { createRandom, driftAt } from '../random.ts';
import type { Condition } from './conditions.ts';

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** Stream of random numbers. */
const WEIGHT = 41;

/** Kilograms where nothing else is said. */
export interface BodyMass {
  readonly weight: number;
  readonly heightM: number;
  readonly bodyFatPct: number;
  readonly fatFree: number;
  readonly softLean: number;
  readonly water: number;
  readonly impedanceOhm: number;
}

export function createBodyMass(seed: number, conditions: readonly Condition[]): (at: Instant) => BodyMass {
  const random = createRandom(seed ^ 0x6d617373);
  const heightM = Math.round((1.56 + 0.32 * random()) * 1000) / 1000;
  const baseWeight = (21 + 7 * random()) * heightM ** 2;
  const baseFatPct = 14 + 18 * random();
  const baseImpedance = 430 + 140 * random();
  const trends = conditions.filter((condition) => condition.kind === 'weight-trend');

  return (at) => {
    const gained = trends.reduce((sum, { from, to, kgPerWeek }) => {
      return sum + (kgPerWeek * (Math.min(Math.max(at, from), to) - from)) / WEEK_MS;
    }, 0);
    const weight = baseWeight + gained + 0.35 * driftAt(seed, WEIGHT, at, DAY_MS / 2);
    // Three quarters of what is gained or lost is fat.
    const bodyFatPct = Math.min(Math.max(((baseWeight * baseFatPct) / 100 + 0.75 * gained) / (weight / 100), 5), 60);
    const fatFree = weight * (1 - bodyFatPct / 100);
    // Of what is not fat, 73 % is water and 5 to 6 % bone.
    const [softLean, water] = [0.945 * fatFree, 0.73 * fatFree];
    return { weight, heightM, bodyFatPct, fatFree, softLean, water, impedanceOhm: baseImpedance + 4 * gained };
  };
}
