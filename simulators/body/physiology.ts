/**
 * Simulated people. Everything is a pure function of seed and instant, so several wearables of one person agree, a run
 * can be repeated, and a wearable that was away can tell what it would have measured. Plausible, not clinically true.
 */
import type { Decimal } from '../../protocol/decimal.ts';
import type { Instant } from '../../protocol/time.ts';
import { createRandom, driftAt, numberAt } from '../random.ts';
import { type BodyMass, createBodyMass } from './body-mass.ts';
import { type Condition, courseOf, type Hill, heightAt } from './conditions.ts';
import { createHeart } from './heart.ts';
import { createMover, type Mover } from './movement.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What a person's body would show at an instant. */
export interface Person extends Mover {
  /** Beats per minute, an integer: the mean of the last five seconds. */
  heartRate(at: Instant): number;
  /** RR intervals in 1/1024 s of the beats in (fromAt, toAt], oldest first; they sum up to the time between. */
  rr1024(fromAt: Instant, toAt: Instant): number[];
  /** mmHg and beats per minute, integers as cuffs send them. */
  bloodPressure(at: Instant): {
    readonly systolic: Decimal;
    readonly diastolic: Decimal;
    readonly map: Decimal;
    readonly pulse: Decimal;
  };
  /** Degrees Celsius with two decimals. */
  temperature(at: Instant): Decimal;
  /** Integer % and beats per minute; pulse amplitude index in % with one decimal. */
  oximetry(at: Instant): { readonly spo2: Decimal; readonly pulse: Decimal; readonly pai: Decimal };
  /** Interstitial glucose in integer mg/dL; its trend in mg/dL per minute with one decimal. */
  glucose(at: Instant): { readonly value: Decimal; readonly trend: Decimal };
  /** Breaths per minute, an integer. */
  respiratoryRate(at: Instant): Decimal;
  bodyMass(at: Instant): BodyMass;
}

export interface PersonOptions {
  /** Where they live, minutes east of UTC: it decides when they sleep and eat. UTC by default. */
  readonly zoneMin?: number;
  /** What they go through; nothing by default. */
  readonly conditions?: readonly Condition[];
}

/** Streams of random numbers, so that no two uses share one. */
const STREAM = {
  pressure: 11,
  pulsePressure: 12,
  temperature: 13,
  saturation: 14,
  perfusion: 15,
  glucose: 16,
  meal: 17,
  breath: 18,
  dip: 19,
};

/** Local hours of breakfast, lunch, something sweet and dinner, and how much each raises glucose at least, mg/dL. */
const MEALS = [
  { hour: 7.5, rise: 30 },
  { hour: 12.5, rise: 35 },
  { hour: 16, rise: 10 },
  { hour: 19, rise: 40 },
] as const;

/** Minutes from a meal to the peak that it causes. */
const PEAK_MIN = 45;

function rounded(value: number, exponent: number): Decimal {
  // Adding 0 turns -0 into 0.
  return { mantissa: Math.round(value * 10 ** -exponent) + 0, exponent };
}

/** Beats per minute that come with a condition: a whole exertion, sleep, a degree of fever, low glucose, fibrillation. */
const BEATS = { exertion: 85, sleep: -7, degree: 9, hypoglycemia: 18, fibrillation: 28 };

/** From one look at whether a sleeper's saturation dips to the next, how often it does, and how deep at most, %. */
const DIP = { everyMs: 4 * MINUTE_MS, share: 0.35, depth: 6, lengthMs: 50_000 };

/** The hills of conditions, by what they change. */
function burdenOf(conditions: readonly Condition[]) {
  const of = <K extends Condition['kind']>(kind: K) =>
    conditions.filter((one): one is Extract<Condition, { kind: K }> => one.kind === kind);
  const times = (hill: Hill, factor: number): Hill => ({ ...hill, height: hill.height * factor });
  const sleep = of('sleep').map(courseOf);
  const fever = of('fever').map((one) => times(courseOf(one), one.riseC));
  const low = of('hypoglycemia').map((one) => ({ course: courseOf(one), nadir: one.nadirMgDl }));
  const irregular = of('atrial-fibrillation').map(courseOf);
  const exertions = of('exercise').map((one) => times(courseOf(one), BEATS.exertion * one.intensity));
  const others = [
    ...sleep.map((hill) => times(hill, BEATS.sleep)),
    ...fever.map((hill) => times(hill, BEATS.degree)),
    ...low.map(({ course }) => times(course, BEATS.hypoglycemia)),
    ...irregular.map((hill) => times(hill, BEATS.fibrillation)),
  ];
  return { sleep, fever, low, heart: { exertions, others, irregular } };
}

/** A person, whose numbers follow from the seed, and from what they go through. */
export function createPerson(seed: number, { zoneMin = 0, conditions = [] }: PersonOptions = {}): Person {
  const random = createRandom(seed ^ 0x70657273);
  const burden = burdenOf(conditions);
  const heart = createHeart(seed, zoneMin, burden.heart);
  const baseSystolic = 106 + 22 * random();
  const baseGap = 38 + 8 * random();
  const baseTemperature = 36.45 + 0.35 * random();
  const baseSpo2 = 96.5 + 2 * random();
  const baseGlucose = 84 + 14 * random();
  const basePai = 2 + 4 * random();
  const baseBreath = 13 + 3 * random();

  /** -1 at four in the morning, 1 at four in the afternoon. */
  function dayWave(at: Instant): number {
    return -Math.cos((2 * Math.PI * (at + zoneMin * MINUTE_MS - 4 * HOUR_MS)) / DAY_MS);
  }

  function glucoseAt(at: Instant): number {
    const local = at + zoneMin * MINUTE_MS;
    const today = Math.floor(local / DAY_MS);
    let value = baseGlucose + 6 * driftAt(seed, STREAM.glucose, at, 40 * MINUTE_MS);
    for (let day = today - 1; day <= today; day++) {
      for (const [meal, { hour, rise }] of MEALS.entries()) {
        const late = numberAt(seed, STREAM.meal, day, meal, 0) - 0.5;
        const size = rise * (1 + 0.8 * numberAt(seed, STREAM.meal, day, meal, 1));
        const since = (local - day * DAY_MS - (hour + 1.2 * late) * HOUR_MS) / (PEAK_MIN * MINUTE_MS);
        if (since > 0) value += size * since * Math.exp(1 - since);
      }
    }
    for (const { course, nadir } of burden.low) value += heightAt([course], at) * (nadir - value);
    return value;
  }

  /** How much of a sleeper's saturation is missing, %. */
  function dipAt(at: Instant): number {
    const asleep = heightAt(burden.sleep, at);
    if (asleep === 0) return 0;
    const cell = Math.floor(at / DIP.everyMs);
    if (numberAt(seed, STREAM.dip, cell, 0) > DIP.share) return 0;
    const begin = (DIP.everyMs - DIP.lengthMs) * numberAt(seed, STREAM.dip, cell, 1);
    const into = (at - cell * DIP.everyMs - begin) / DIP.lengthMs;
    if (into <= 0 || into >= 1) return 0;
    return (asleep * DIP.depth * (1 + numberAt(seed, STREAM.dip, cell, 2)) * (1 - Math.cos(2 * Math.PI * into))) / 4;
  }

  return {
    heartRate: heart.rateAt,
    rr1024: heart.intervalsBetween,
    bloodPressure(at) {
      const drift = driftAt(seed, STREAM.pressure, at, 20 * MINUTE_MS);
      const asleep = 11 * heightAt(burden.sleep, at);
      const systolic = Math.round(baseSystolic + 5 * dayWave(at) + 4 * drift + 0.4 * heart.activityAt(at) - asleep);
      const gap = baseGap + 3 * driftAt(seed, STREAM.pulsePressure, at, 30 * MINUTE_MS) + 0.2 * heart.activityAt(at);
      const diastolic = Math.round(systolic - gap);
      return {
        systolic: rounded(systolic, 0),
        diastolic: rounded(diastolic, 0),
        map: rounded(diastolic + (systolic - diastolic) / 3, 0),
        pulse: rounded(heart.rateAt(at), 0),
      };
    },
    temperature(at) {
      const drift = driftAt(seed, STREAM.temperature, at, 45 * MINUTE_MS);
      const usual = baseTemperature + 0.3 * dayWave(at) + 0.08 * drift + 0.008 * heart.activityAt(at);
      return rounded(usual + heightAt(burden.fever, at), -2);
    },
    oximetry(at) {
      const spo2 = baseSpo2 + 1.2 * driftAt(seed, STREAM.saturation, at, 4 * MINUTE_MS) - dipAt(at);
      const pai = basePai * (1 + 0.5 * driftAt(seed, STREAM.perfusion, at, 2 * MINUTE_MS));
      return {
        spo2: rounded(Math.min(spo2, 100), 0),
        pulse: rounded(heart.rateAt(at), 0),
        pai: rounded(pai, -1),
      };
    },
    glucose(at) {
      const value = glucoseAt(at);
      const trend = (value - glucoseAt(at - 5 * MINUTE_MS)) / 5;
      return { value: rounded(value, 0), trend: rounded(trend, -1) };
    },
    respiratoryRate(at) {
      const drift = driftAt(seed, STREAM.breath, at, 3 * MINUTE_MS);
      const burdened = 0.22 * heart.activityAt(at) + 2.2 * heightAt(burden.fever, at) - 2 * heightAt(burden.sleep, at);
      return rounded(baseBreath + 1.2 * drift + burdened, 0);
    },
    bodyMass: createBodyMass(seed, conditions),
    ...createMover(seed, conditions),
  };
}
