/**
 * When a simulated heart beats. Within each hour the rate is a sum of waves and at most one bout of activity, whose
 * integral is known, so every beat of every hour can be computed by itself: pulses seen by several wearables agree, and
 * nothing has to be played from the start.
 */
import type { Instant } from '../../protocol/time.ts';
import { createRandom, numberAt } from '../random.ts';
import { areaOf, type Hill, heightAt, hillAt } from './conditions.ts';

const HOUR_MS = 3_600_000;
const HOUR_S = 3600;
const DAY_S = 86_400;

/** Streams of random numbers, so that no two uses share one. */
const ACTIVITY = 1;
const IRREGULAR = 2;

/** How far a beat of an irregular heart may be off, in parts of an interval; below half, so that beats keep their order. */
const MOST_IRREGULAR = 0.36;

/** A rate that swings around nothing. */
interface Wave {
  /** Beats per minute. */
  readonly amplitude: number;
  /** Seconds. */
  readonly period: number;
  /** Radians. */
  readonly phase: number;
}

/** A bout of activity: a smooth hill of the rate. */
interface Bout {
  /** Beats per minute at its top; 0 when there is none. */
  readonly height: number;
  /** Seconds into the hour. */
  readonly begin: number;
  readonly length: number;
}

export interface Heart {
  /** Beats since the start of the hour of `at`, with fraction, and how many the whole hour has. */
  phaseAt(at: Instant): { readonly hour: number; readonly beats: number; readonly ofHour: number };
  /** Beats per minute over the five seconds before `at`, to the integer, as a strap shows it. */
  rateAt(at: Instant): number;
  /** What activity adds to the resting rate at `at`, beats per minute. */
  activityAt(at: Instant): number;
  /** RR intervals, 1/1024 s, of the beats in (fromAt, toAt], oldest first. */
  intervalsBetween(fromAt: Instant, toAt: Instant): number[];
}

/** What changes a heart besides its own rhythm; all heights in beats per minute, but for `irregular`: 1 = fully so. */
export interface HeartBurden {
  readonly exertions: readonly Hill[];
  readonly others: readonly Hill[];
  readonly irregular: readonly Hill[];
}

/** A heart of its own resting rate and rhythm. `zoneMin` is where it sleeps, minutes east of UTC. */
export function createHeart(
  seed: number,
  zoneMin: number,
  { exertions, others, irregular }: HeartBurden = { exertions: [], others: [], irregular: [] },
): Heart {
  const hills = [...exertions, ...others];
  const random = createRandom(seed);
  const resting = 58 + 14 * random();
  const wave = (amplitude: number, period: number): Wave => ({ amplitude, period, phase: 2 * Math.PI * random() });
  // Breathing, blood pressure waves, and whatever else goes on for minutes.
  const waves = [wave(2.2, 3.9), wave(1.4, 10.3), wave(1, 47), wave(1.5, 190), wave(2, 680), wave(1.5, 2300)];
  // Slowest at four in the morning.
  const nightPhase = 2 * Math.PI * ((zoneMin * 60 - 10 * 3600) / DAY_S);
  waves.push({ amplitude: 6, period: DAY_S, phase: nightPhase });

  function boutOf(hour: number): Bout {
    const localHour = (((hour + zoneMin / 60) % 24) + 24) % 24;
    const awake = localHour >= 7 && localHour < 22;
    if (!awake || numberAt(seed, ACTIVITY, hour, 0) > 0.45) return { height: 0, begin: 0, length: 1 };
    const length = 480 + 1500 * numberAt(seed, ACTIVITY, hour, 1);
    const begin = (HOUR_S - length) * numberAt(seed, ACTIVITY, hour, 2);
    return { height: 8 + 45 * numberAt(seed, ACTIVITY, hour, 3) ** 2, begin, length };
  }

  /** Beats x 60 from the start of the hour to `second` into it. */
  function integral(hour: number, bout: Bout, second: number): number {
    const start = hour * HOUR_S;
    let sum = resting * second;
    for (const { amplitude, period, phase } of waves) {
      const omega = (2 * Math.PI) / period;
      // Reduced to one period first: the cosine of a large number is a rough one.
      const [from, to] = [start % period, (start % period) + second];
      sum += (amplitude / omega) * (Math.cos(omega * from + phase) - Math.cos(omega * to + phase));
    }
    for (const hill of hills) sum += areaOf(hill, start + second) - areaOf(hill, start);
    const into = Math.min(Math.max(second - bout.begin, 0), bout.length);
    const turn = (2 * Math.PI) / bout.length;
    return sum + (bout.height / 2) * (into - Math.sin(turn * into) / turn);
  }

  /** Scaled so that every hour begins and ends with a beat. */
  function hourOf(hour: number): { ofHour: number; beatsAt(second: number): number } {
    const bout = boutOf(hour);
    const whole = integral(hour, bout, HOUR_S);
    const ofHour = Math.round(whole / 60);
    return { ofHour, beatsAt: (second) => (integral(hour, bout, second) * ofHour) / whole };
  }

  function phaseAt(at: Instant): { hour: number; beats: number; ofHour: number } {
    const hour = Math.floor(at / HOUR_MS);
    const { ofHour, beatsAt } = hourOf(hour);
    return { hour, beats: beatsAt((at - hour * HOUR_MS) / 1000), ofHour };
  }

  function rateAt(at: Instant): number {
    const [before, now] = [phaseAt(at - 5000), phaseAt(at)];
    const beats = now.beats - before.beats + (now.hour === before.hour ? 0 : before.ofHour);
    return Math.round(beats * 12);
  }

  function activityAt(at: Instant): number {
    const hour = Math.floor(at / HOUR_MS);
    const { height, begin, length } = boutOf(hour);
    const into = (at - hour * HOUR_MS) / 1000 - begin;
    const daily = into <= 0 || into >= length ? 0 : (height / 2) * (1 - Math.cos((2 * Math.PI * into) / length));
    return daily + heightAt(exertions, at);
  }

  /** Seconds into the hour of beat number `beat` (0..ofHour), which comes early or late where the heart is irregular. */
  function secondOfBeat(hour: number, beat: number, ofHour: number, beatsAt: (second: number) => number): number {
    const even = secondOfPhase(beat, ofHour, beatsAt);
    if (irregular.length === 0 || beat <= 0 || beat >= ofHour) return even;
    const share = irregular.reduce((most, hill) => Math.max(most, hillAt(hill, hour * HOUR_S + even)), 0);
    if (share === 0) return even;
    const off = share * MOST_IRREGULAR * (2 * numberAt(seed, IRREGULAR, hour, beat) - 1);
    return secondOfPhase(beat + off, ofHour, beatsAt);
  }

  /** When so many beats have passed, by bisection: the phase only ever grows. */
  function secondOfPhase(beat: number, ofHour: number, beatsAt: (second: number) => number): number {
    if (beat <= 0) return 0;
    if (beat >= ofHour) return HOUR_S;
    let [low, high] = [0, HOUR_S];
    for (let step = 0; step < 36; step++) {
      const middle = (low + high) / 2;
      if (beatsAt(middle) < beat) low = middle;
      else high = middle;
    }
    return high;
  }

  function intervalsBetween(fromAt: Instant, toAt: Instant): number[] {
    const intervals: number[] = [];
    const lastHour = Math.floor(toAt / HOUR_MS);
    for (let hour = Math.ceil(fromAt / HOUR_MS) - 1; hour <= lastHour; hour++) {
      const { ofHour, beatsAt } = hourOf(hour);
      const [from, to] = [(fromAt - hour * HOUR_MS) / 1000, (toAt - hour * HOUR_MS) / 1000];
      const first = Math.max(1, Math.floor(beatsAt(Math.min(Math.max(from, 0), HOUR_S))));
      let before = secondOfBeat(hour, first - 1, ofHour, beatsAt);
      for (let beat = first; beat <= ofHour; beat++) {
        const second = secondOfBeat(hour, beat, ofHour, beatsAt);
        if (second > to) break;
        // Differences of rounded times: rounding errors do not add up.
        if (second > from) intervals.push(Math.round(second * 1024) - Math.round(before * 1024));
        before = second;
      }
    }
    return intervals;
  }

  return { phaseAt, rateAt, activityAt, intervalsBetween };
}
