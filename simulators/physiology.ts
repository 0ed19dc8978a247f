/**
 * Simulated people. Everything is a pure function of seed and instant, so several wearables of one person agree, a run
 * can be repeated, and a wearable that was away can tell what it would have measured. Plausible, not clinically true.
 */
import type { Decimal } from '../protocol/decimal.ts';
import type { Instant } from '../protocol/time.ts';
import { createHeart } from './heart.ts';
import { createRandom, driftAt, numberAt } from './random.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What a person's body would show at an instant. */
export interface Person {
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

/** A person; `zoneMin` is where they live, minutes east of UTC, and decides when they sleep and eat. */
export function createPerson(seed: number, zoneMin = 0): Person {
  const random = createRandom(seed ^ 0x70657273);
  const heart = createHeart(seed, zoneMin);
  const baseSystolic = 106 + 22 * random();
  const baseGap = 38 + 8 * random();
  const baseTemperature = 36.45 + 0.35 * random();
  const baseSpo2 = 96.5 + 2 * random();
  const baseGlucose = 84 + 14 * random();
  const basePai = 2 + 4 * random();

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
    return value;
  }

  return {
    heartRate: heart.rateAt,
    rr1024: heart.intervalsBetween,
    bloodPressure(at) {
      const drift = driftAt(seed, STREAM.pressure, at, 20 * MINUTE_MS);
      const systolic = Math.round(baseSystolic + 5 * dayWave(at) + 4 * drift + 0.4 * heart.activityAt(at));
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
      return rounded(baseTemperature + 0.3 * dayWave(at) + 0.08 * drift + 0.008 * heart.activityAt(at), -2);
    },
    oximetry(at) {
      const spo2 = baseSpo2 + 1.2 * driftAt(seed, STREAM.saturation, at, 4 * MINUTE_MS);
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
  };
}
