import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decimalToNumber } from '../../../protocol/decimal.ts';
import { areaOf, type Condition, type Hill, hillAt } from '../../../simulators/body/conditions.ts';
import { createPerson, type Person } from '../../../simulators/body/physiology.ts';

const SECOND = 1000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const WEEK = 7 * 24 * HOUR;
const START = Date.UTC(2026, 8, 24);
const SEEDS = [1, 7, 21];

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const sampled = (from: number, to: number, step: number, value: (at: number) => number) =>
  Array.from({ length: Math.floor((to - from) / step) }, (_, i) => value(from + i * step));
const rateOf = (person: Person, from: number, to: number) =>
  mean(sampled(from, to, 30 * SECOND, (at) => person.heartRate(at)));
const period = (fromH: number, hours: number) => ({ from: START + fromH * HOUR, to: START + (fromH + hours) * HOUR });

function pair(seed: number, ...conditions: Condition[]) {
  return { without: createPerson(seed), person: createPerson(seed, { conditions }) };
}

/** Root mean square of successive differences of RR intervals, in parts of their mean. */
function variability(person: Person, from: number, to: number): number {
  const intervals = person.rr1024(from, to);
  const squares = intervals.slice(1).map((interval, i) => (interval - intervals[i]!) ** 2);
  return Math.sqrt(mean(squares)) / mean(intervals);
}

describe('a person without conditions', () => {
  it('shows the numbers that this seed has always shown', () => {
    const hash = createHash('sha256');
    for (const seed of SEEDS) {
      const p = createPerson(seed);
      for (let at = START; at < START + 24 * HOUR; at += 17 * MINUTE) {
        const vitals = [p.heartRate(at), p.rr1024(at - 5000, at), p.bloodPressure(at), p.temperature(at)];
        hash.update(JSON.stringify([...vitals, p.oximetry(at), p.glucose(at)]));
      }
    }
    expect(hash.digest('hex')).toBe('4cd773f1edf318f157cbb8fa6cafebd7db60753b6e5f2552d5cfc15732a78fbf');
  });
});

describe('a hill', () => {
  const hill: Hill = { from: 100, to: 180, ramp: 25, height: 12 };

  it('has the area of its heights', () => {
    let sum = 0;
    for (let second = 90; second < 200; second += 0.01) {
      expect(Math.abs(areaOf(hill, second) - sum)).toBeLessThan(0.1);
      sum += 0.01 * hillAt(hill, second);
    }
    expect(areaOf(hill, 200)).toBe(12 * 55);
  });
});

describe.each(SEEDS)('a person of seed %i', (seed) => {
  it('is slow, low and short of oxygen now and then while asleep', () => {
    const { person, without } = pair(seed, { kind: 'sleep', ...period(1, 6) });
    const [from, to] = [START + 2 * HOUR, START + 6 * HOUR];
    expect(rateOf(person, from, to)).toBeLessThan(rateOf(without, from, to) - 5);
    const systolic = (p: Person) => decimalToNumber(p.bloodPressure(from + HOUR).systolic);
    expect(systolic(person)).toBe(systolic(without) - 11);
    const lowest = (p: Person) =>
      Math.min(...sampled(from, to, 5 * SECOND, (at) => decimalToNumber(p.oximetry(at).spo2)));
    expect(lowest(person)).toBeLessThan(lowest(without) - 1);
    expect(lowest(person)).toBeGreaterThan(84);
    expect(person.respiratoryRate(from).mantissa).toBeLessThan(without.respiratoryRate(from).mantissa);
    expect(everythingAt(person, START + 12 * HOUR)).toEqual(everythingAt(without, START + 12 * HOUR));
  });

  it('beats, breathes and steps faster in exercise, and agrees with itself', () => {
    const { person, without } = pair(seed, {
      kind: 'exercise',
      activity: 'running',
      intensity: 0.8,
      ...period(9, 0.75),
    });
    const [from, to] = [START + 9.2 * HOUR, START + 9.6 * HOUR];
    expect(rateOf(person, from, to)).toBeGreaterThan(rateOf(without, from, to) + 60);
    const at = START + 9.4 * HOUR;
    expect(person.respiratoryRate(at).mantissa).toBeGreaterThan(without.respiratoryRate(at).mantissa + 10);
    expect(decimalToNumber(person.temperature(at))).toBeGreaterThan(decimalToNumber(without.temperature(at)) + 0.3);
    const { activity, cadence, speedMps } = person.movementAt(at);
    expect(activity).toBe('running');
    expect(cadence).toBeGreaterThan(150);
    expect(person.countBetween(at, at + MINUTE)).toBeCloseTo(cadence, 5);
    expect(person.distanceBetween(at, at + MINUTE)).toBeCloseTo(60 * speedMps, 5);
    expect(person.movementAt(START + 12 * HOUR)).toEqual({ activity: 'none', cadence: 0, speedMps: 0 });
    expect(person.countBetween(START + 10 * HOUR, START + 11 * HOUR)).toBe(0);
  });

  it('is hot and fast in a fever', () => {
    const { person, without } = pair(seed, { kind: 'fever', riseC: 2.5, ...period(4, 16) });
    const at = START + 12 * HOUR;
    const rise = decimalToNumber(person.temperature(at)) - decimalToNumber(without.temperature(at));
    expect(rise).toBeCloseTo(2.5, 1);
    expect(rateOf(person, at, at + HOUR) - rateOf(without, at, at + HOUR)).toBeGreaterThan(18);
    expect(decimalToNumber(person.temperature(START + 3 * HOUR))).toBe(
      decimalToNumber(without.temperature(START + 3 * HOUR)),
    );
  });

  it('has irregular beats in atrial fibrillation, which still sum up to the time between', () => {
    const { person } = pair(seed, { kind: 'atrial-fibrillation', ...period(10.5, 1) });
    const [from, to] = [START + 10.6 * HOUR, START + 11.4 * HOUR];
    expect(variability(person, from, to)).toBeGreaterThan(0.2);
    expect(variability(person, START + 8 * HOUR, START + 9 * HOUR)).toBeLessThan(0.08);
    const sum = person.rr1024(START + 10 * HOUR, START + 12 * HOUR).reduce((total, rr) => total + rr, 0);
    expect(sum).toBe(2 * 3600 * 1024);
    const whole = person.rr1024(from, from + 30 * SECOND);
    expect(
      sampled(from, from + 30 * SECOND, SECOND, (at) => at).flatMap((at) => person.rr1024(at, at + SECOND)),
    ).toEqual(whole);
    for (const interval of whole) expect(interval).toBeGreaterThan(80);
  });

  it('falls low with hypoglycemia, and the heart goes up', () => {
    const { person, without } = pair(seed, { kind: 'hypoglycemia', nadirMgDl: 48, ...period(14, 2) });
    const at = START + 15 * HOUR;
    expect(person.glucose(at).value).toEqual({ mantissa: 48, exponent: 0 });
    expect(without.glucose(at).value.mantissa).toBeGreaterThan(70);
    expect(person.glucose(START + 14.2 * HOUR).trend.mantissa).toBeLessThan(0);
    expect(rateOf(person, at - 10 * MINUTE, at) - rateOf(without, at - 10 * MINUTE, at)).toBeGreaterThan(12);
  });

  it('loses weight along a trend, mostly fat', () => {
    const { person, without } = pair(seed, {
      kind: 'weight-trend',
      kgPerWeek: -0.7,
      from: START,
      to: START + 4 * WEEK,
    });
    const [now, later] = [person.bodyMass(START), person.bodyMass(START + 4 * WEEK)];
    expect(now).toEqual(without.bodyMass(START));
    const change = later.weight - without.bodyMass(START + 4 * WEEK).weight;
    expect(change).toBeCloseTo(-2.8, 6);
    expect(later.bodyFatPct).toBeLessThan(now.bodyFatPct);
    expect(person.bodyMass(START + 9 * WEEK).weight - without.bodyMass(START + 9 * WEEK).weight).toBeCloseTo(-2.8, 6);
    for (const { fatFree, softLean, water, weight } of [now, later]) {
      expect([weight > fatFree, fatFree > softLean, softLean > water]).toEqual([true, true, true]);
    }
  });

  it('shows the same pulse to strap, cuff and oximeter, whatever goes on', () => {
    const { person } = pair(
      seed,
      { kind: 'atrial-fibrillation', ...period(2, 3) },
      { kind: 'exercise', activity: 'cycling', intensity: 1, ...period(3, 1) },
      { kind: 'fever', riseC: 2, ...period(0, 12) },
    );
    for (let at = START + HOUR; at < START + 6 * HOUR; at += 7 * MINUTE) {
      const strap = person.heartRate(at);
      expect([person.bloodPressure(at).pulse.mantissa, person.oximetry(at).pulse.mantissa]).toEqual([strap, strap]);
      const recent = person.rr1024(at - 60 * SECOND, at);
      const rate = (60 * 1024 * recent.length) / recent.reduce((sum, rr) => sum + rr, 0);
      expect(Math.abs(rate - mean(sampled(at - 55 * SECOND, at, 5 * SECOND, (t) => person.heartRate(t))))).toBeLessThan(
        8,
      );
      expect(strap).toBeLessThan(230);
    }
  });
});

function everythingAt(person: Person, at: number) {
  return [
    person.heartRate(at),
    person.rr1024(at - 5000, at),
    person.bloodPressure(at),
    person.temperature(at),
    person.oximetry(at),
    person.glucose(at),
    person.respiratoryRate(at),
    person.bodyMass(at),
  ];
}
