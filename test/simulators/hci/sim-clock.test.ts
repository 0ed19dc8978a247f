import { expect, it } from 'vitest';
import { createScaledClock, createSimClock } from '../../../simulators/hci/sim-clock.ts';

it('a simulated clock stands still until it is set', () => {
  const clock = createSimClock(1_000.4);
  expect(clock.now()).toBe(1_000);
  clock.set(500);
  expect(clock.now()).toBe(500);
});

it('a scaled clock runs faster than real time, and on from where it is set', () => {
  let real = 50;
  const clock = createScaledClock({ startAt: 1_000, speed: 60, monotonic: () => real });
  expect(clock.now()).toBe(1_000);
  real += 1_000.01;
  expect(clock.now()).toBe(61_001);
  clock.set(0);
  expect(clock.now()).toBe(0);
  real += 10;
  expect(clock.now()).toBe(600);
  expect(() => createScaledClock({ startAt: 0, speed: 0, monotonic: () => 0 })).toThrow(RangeError);
});
