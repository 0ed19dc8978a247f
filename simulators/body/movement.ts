/** Steps, cadence and speed of a simulated person who exercises. */
import type { Instant } from '../../protocol/time.ts';
import { numberAt } from '../random.ts';
import { type Activity, areaOf, type Condition, courseOf, type Hill, heightAt } from './conditions.ts';

/** How a person moves at an instant. */
export interface Movement {
  readonly activity: Activity | 'none';
  /** Steps per minute of both feet; turns of the crank per minute on a bicycle. */
  readonly cadence: number;
  readonly speedMps: number;
}

/** At no effort and what a full one adds: cadence per minute, and meters per second. */
const PACE: Readonly<Record<Activity, { cadence: readonly [number, number]; speed: readonly [number, number] }>> = {
  walking: { cadence: [88, 36], speed: [0.9, 1] },
  running: { cadence: [146, 36], speed: [2, 2.6] },
  cycling: { cadence: [58, 36], speed: [3.5, 7] },
};

/** Stream of random numbers. */
const PACE_OF_BOUT = 31;

interface Bout {
  readonly activity: Activity;
  readonly cadence: Hill;
  readonly speed: Hill;
}

export interface Mover {
  movementAt(at: Instant): Movement;
  /** Steps, or turns of the crank, in (from, to], with fraction. */
  countBetween(from: Instant, to: Instant): number;
  /** Meters in (from, to]. */
  distanceBetween(from: Instant, to: Instant): number;
}

export function createMover(seed: number, conditions: readonly Condition[]): Mover {
  const bouts: Bout[] = conditions.flatMap((condition) => {
    if (condition.kind !== 'exercise') return [];
    const { activity, intensity, from } = condition;
    const course = courseOf(condition);
    const own = 0.95 + 0.1 * numberAt(seed, PACE_OF_BOUT, from);
    const { cadence, speed } = PACE[activity];
    return {
      activity,
      cadence: { ...course, height: own * (cadence[0] + cadence[1] * intensity) },
      speed: { ...course, height: own * (speed[0] + speed[1] * intensity) },
    };
  });
  const areaBetween = (hills: readonly Hill[], from: Instant, to: Instant) =>
    hills.reduce((sum, hill) => sum + areaOf(hill, to / 1000) - areaOf(hill, from / 1000), 0);
  const cadences = bouts.map(({ cadence }) => cadence);
  const speeds = bouts.map(({ speed }) => speed);

  return {
    movementAt(at) {
      const cadence = heightAt(cadences, at);
      const bout = bouts.find((one) => heightAt([one.cadence], at) > 0);
      return { activity: bout?.activity ?? 'none', cadence, speedMps: heightAt(speeds, at) };
    },
    countBetween: (from, to) => areaBetween(cadences, from, to) / 60,
    distanceBetween: (from, to) => areaBetween(speeds, from, to),
  };
}
