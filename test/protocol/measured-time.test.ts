import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLOCK_TOLERANCE_MS, explainTime, timeFlagsOf, timeOf } from '../../protocol/measured-time.ts';
import { instantToWallClock } from '../../protocol/time.ts';

/** 2026-03-01T12:00:00Z */
const NOON = Date.UTC(2026, 2, 1, 12);
const MINUTE = 60_000;
const DAY = 86_400_000;

/** What the device showed when true time was `at` and its clock `aheadMs` ahead. */
const shown = (at: number, aheadMs = 0, zoneMin = 0) => instantToWallClock(at + aheadMs, zoneMin);

describe('when it was measured', () => {
  it('is the gateway clock where the device has none', () => {
    const time = timeOf({ zoneMin: 60, heardAt: NOON });
    expect(time).toEqual({ measuredAt: NOON, measuredBy: 'gateway', zoneMin: 60 });
    expect(timeFlagsOf({ ...time, heardAt: NOON })).toEqual([]);
    expect(timeFlagsOf({ ...time, heardAt: NOON, stored: true })).toEqual(['time-unknown']);
  });

  it('is the device clock where it is right, whether that is known or not', () => {
    const deviceClock = shown(NOON - DAY, 0, 120);
    const time = { measuredAt: NOON - DAY, measuredBy: 'device', zoneMin: 120, deviceClock };
    expect(timeOf({ deviceClock, zoneMin: 120, heardAt: NOON })).toEqual(time);
    const coincidence = { deviceClock: shown(NOON, -30_000, 120), heardAt: NOON };
    expect(timeOf({ deviceClock, zoneMin: 120, heardAt: NOON, coincidence })).toEqual(time);
  });

  it('compares clocks that are in different zones: what is stamped in UTC and what its owner sees', () => {
    const deviceClock = shown(NOON - DAY);
    const coincidence = { deviceClock: shown(NOON, 0, 120), zoneMin: 120, heardAt: NOON };
    expect(timeOf({ deviceClock, zoneMin: 0, heardAt: NOON, coincidence })).toEqual({
      measuredAt: NOON - DAY,
      measuredBy: 'device',
      zoneMin: 0,
      deviceClock,
    });
  });

  it.each([
    ['sixteen minutes slow', -16 * MINUTE],
    ['set back a day', -DAY],
    ['a day ahead', DAY],
    ['an hour behind after daylight saving began', -60 * MINUTE],
  ])('is put right where the clock is known to be %s', (_what, aheadMs) => {
    const truly = NOON - 3 * 60 * MINUTE;
    const coincidence = { deviceClock: shown(NOON - 5000, aheadMs), heardAt: NOON - 5000 };
    const time = timeOf({ deviceClock: shown(truly, aheadMs), zoneMin: 0, heardAt: NOON, coincidence });
    expect(time).toMatchObject({ measuredAt: truly, measuredBy: 'device', clockOffsetMs: -aheadMs });
    expect(time.deviceClock).toBe(shown(truly, aheadMs));
    expect(timeFlagsOf({ ...time, heardAt: NOON })).toEqual(['clock-corrected']);
  });

  it('is the arrival where the clock is ahead by nobody knows how much, and says so', () => {
    const time = timeOf({ deviceClock: shown(NOON, DAY), zoneMin: 0, heardAt: NOON });
    expect(time).toEqual({ measuredAt: NOON, measuredBy: 'gateway', zoneMin: 0, deviceClock: shown(NOON, DAY) });
    expect(timeFlagsOf({ ...time, heardAt: NOON })).toEqual(['clock-ahead']);
    const slightly = timeOf({ deviceClock: shown(NOON, 20_000), zoneMin: 0, heardAt: NOON });
    expect(timeFlagsOf({ ...slightly, heardAt: NOON })).toEqual([]);
  });

  it('is never later than the arrival, keeps what the device showed, and can be explained', () => {
    const instant = fc.integer({ min: Date.UTC(2000, 0, 1), max: Date.UTC(2060, 0, 1) }).map((at) => at - (at % 1000));
    fc.assert(
      fc.property(
        instant,
        fc.integer({ min: -400 * DAY, max: 400 * DAY }),
        fc.option(fc.integer({ min: -400 * DAY, max: 400 * DAY }), { nil: undefined }),
        fc.integer({ min: -12, max: 14 }),
        (heardAt, measuredEarlierMs, aheadMs, zoneHours) => {
          const zoneMin = zoneHours * 60;
          const deviceClock = instantToWallClock(heardAt - measuredEarlierMs, zoneMin);
          const coincidence = aheadMs === undefined ? {} : { deviceClock: shown(heardAt, aheadMs, zoneMin), heardAt };
          const facts = { deviceClock, zoneMin, heardAt };
          const time = timeOf(aheadMs === undefined ? facts : { ...facts, coincidence: { ...coincidence } as never });
          expect(time.measuredAt).toBeLessThanOrEqual(heardAt);
          expect(time.deviceClock).toBe(deviceClock);
          expect(explainTime({ ...time, heardAt })).toBeUndefined();
          expect(explainTime({ ...time, heardAt, measuredAt: time.measuredAt + 1 })).toBeDefined();
        },
      ),
    );
    expect(CLOCK_TOLERANCE_MS).toBe(MINUTE);
  });
});
