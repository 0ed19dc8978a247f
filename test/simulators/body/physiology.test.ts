import { describe, expect, it } from 'vitest';
import { decimalToNumber, type SensorValue } from '../../../protocol/decimal.ts';
import { encodeFloat, encodeSfloat } from '../../../protocol/gatt/sfloat.ts';
import { isPlausible, MDC } from '../../../protocol/vital-signs.ts';
import { createPerson, type Person } from '../../../simulators/body/physiology.ts';
import { createRandom, numberAt } from '../../../simulators/random.ts';

const START = Date.UTC(2026, 8, 24);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function everythingAt(person: Person, at: number) {
  return {
    heartRate: person.heartRate(at),
    rr: person.rr1024(at - 5000, at),
    ...person.bloodPressure(at),
    temperature: person.temperature(at),
    ...person.oximetry(at),
    glucose: person.glucose(at),
  };
}

describe('random numbers', () => {
  it('follow from the seed alone', () => {
    const [a, b] = [createRandom(7), createRandom(7)];
    const drawn = Array.from({ length: 1000 }, () => a());
    expect(Array.from({ length: 1000 }, () => b())).toEqual(drawn);
    expect(drawn.every((x) => x >= 0 && x < 1)).toBe(true);
    expect(drawn.reduce((sum, x) => sum + x) / 1000).toBeCloseTo(0.5, 1);
    expect(createRandom(8)()).not.toBe(drawn[0]);
  });

  it('differ by key, beyond 32 bits too', () => {
    const numbers = new Set([0, 1, -1, 2 ** 32, 2 ** 32 + 1, START].map((key) => numberAt(1, key)));
    expect(numbers.size).toBe(6);
  });
});

describe('createPerson', () => {
  it('is a pure function of seed and instant', () => {
    const [one, same, other] = [createPerson(1), createPerson(1), createPerson(2)];
    const at = START + 9.3 * HOUR;
    const want = everythingAt(one, at);
    everythingAt(one, at + HOUR);
    expect(everythingAt(one, at)).toEqual(want);
    expect(everythingAt(same, at)).toEqual(want);
    expect(everythingAt(other, at)).not.toEqual(want);
  });

  it.each([1, 2, 3, 4, 5])('of seed %i stays plausible for two days and fits its wearables', (seed) => {
    const person = createPerson(seed, { zoneMin: 120 });
    const check = (vital: number, unit: string, value: SensorValue) => {
      expect(isPlausible(vital, unit, value)).toBe(true);
      encodeSfloat(value);
    };
    for (let at = START; at < START + 48 * HOUR; at += 13 * MINUTE) {
      check(MDC.heartRate, '/min', { mantissa: person.heartRate(at), exponent: 0 });
      const { systolic, diastolic, map, pulse } = person.bloodPressure(at);
      check(MDC.systolic, 'mm[Hg]', systolic);
      check(MDC.diastolic, 'mm[Hg]', diastolic);
      check(MDC.meanPressure, 'mm[Hg]', map);
      expect(systolic.mantissa).toBeGreaterThan(map.mantissa);
      expect(map.mantissa).toBeGreaterThan(diastolic.mantissa);
      const oximetry = person.oximetry(at);
      check(MDC.oxygenSaturation, '%', oximetry.spo2);
      check(MDC.perfusion, '%', oximetry.pai);
      expect([pulse.mantissa, oximetry.pulse.mantissa]).toEqual([person.heartRate(at), person.heartRate(at)]);
      const temperature = person.temperature(at);
      expect(temperature.exponent).toBe(-2);
      expect(decimalToNumber(temperature)).toBeGreaterThan(35);
      expect(decimalToNumber(temperature)).toBeLessThan(38);
      encodeFloat(temperature);
      const { value, trend } = person.glucose(at);
      check(MDC.glucose, 'mg/dL', value);
      encodeSfloat(trend);
    }
  });

  it('sleeps at night and wakes by day, where it lives', () => {
    const mean = (person: Person, from: number) => {
      let sum = 0;
      for (let i = 0; i < 180; i++) sum += person.heartRate(from + i * MINUTE);
      return sum / 180;
    };
    for (const zoneMin of [-480, 0, 600]) {
      const person = createPerson(11, { zoneMin });
      const midnight = START - zoneMin * MINUTE;
      expect(mean(person, midnight + 3 * HOUR)).toBeLessThan(mean(person, midnight + 15 * HOUR) - 5);
    }
  });
});

describe('rr1024', () => {
  const person = createPerson(21);

  it('gives the same beats however time is cut, across the hour too', () => {
    const [from, to] = [START + HOUR - 20_300, START + HOUR + 20_700];
    const whole = person.rr1024(from, to);
    const pieces: number[] = [];
    for (let at = from; at < to; at += 1000) pieces.push(...person.rr1024(at, at + 1000));
    expect(pieces).toEqual(whole);
    expect(whole.reduce((sum, rr) => sum + rr) / 1024).toBeCloseTo(41, -0.5);
    for (const rr of whole) expect(rr).toBeGreaterThan(300);
  });

  it('sums up to the time between, and agrees with the rate', () => {
    const hour = person.rr1024(START, START + HOUR);
    expect(hour.reduce((sum, rr) => sum + rr)).toBe(3600 * 1024);
    for (let at = START + 10 * HOUR; at < START + 11 * HOUR; at += 7 * MINUTE) {
      const recent = person.rr1024(at - 30_000, at);
      const rate = (60 * 1024 * recent.length) / recent.reduce((sum, rr) => sum + rr);
      expect(Math.abs(rate - person.heartRate(at - 12_500))).toBeLessThan(8);
    }
  });

  it('is empty for no time', () => {
    expect(person.rr1024(START, START)).toEqual([]);
  });
});
