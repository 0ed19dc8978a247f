import { describe, expect, it } from 'vitest';
import { wallClockToInstant } from '../../protocol/time.ts';
import { resolveZone } from '../../simulators/zone.ts';

describe('resolveZone', () => {
  it.each([
    ['UTC', '2026-07-01T12:00:00', 0],
    ['+02:00', '2026-07-01T12:00:00', 120],
    ['-09:30', '2026-07-01T12:00:00', -570],
    ['+14:00', '2026-07-01T12:00:00', 840],
    ['Europe/Vienna', '2026-07-01T12:00:00', 120],
    ['Europe/Vienna', '2026-01-01T12:00:00', 60],
    ['Asia/Kathmandu', '2016-04-01T07:54:00', 345],
    ['Pacific/Kiritimati', '2016-04-01T07:54:00', 840],
    ['America/Los_Angeles', '2014-02-03T03:42:12', -480],
    ['Etc/UTC', '2014-02-03T03:42:12', 0],
  ])('%s at %s is %i', (zone, wallClock, offsetMin) => {
    expect(resolveZone(zone)(wallClock)).toBe(offsetMin);
  });

  it.each([
    // Spring: 02:00 becomes 03:00. The hour that does not exist counts as if the clock had not been moved.
    ['2026-03-29T01:59:59', 60],
    ['2026-03-29T02:30:00', 60],
    ['2026-03-29T03:00:00', 120],
    // Autumn: 03:00 becomes 02:00. The hour that comes twice counts as its first pass.
    ['2026-10-25T01:59:59', 120],
    ['2026-10-25T02:00:00', 120],
    ['2026-10-25T02:59:59', 120],
    ['2026-10-25T03:00:00', 60],
  ])('Europe/Vienna at the change, %s, is %i', (wallClock, offsetMin) => {
    expect(resolveZone('Europe/Vienna')(wallClock)).toBe(offsetMin);
  });

  it('never runs backwards over a skipped hour', () => {
    const zone = resolveZone('America/New_York');
    const instants = ['01:59:59', '02:00:00', '02:59:59', '03:59:59', '04:00:00'].map((time) => {
      const wallClock = `2026-03-08T${time}`;
      return wallClockToInstant(wallClock, zone(wallClock));
    });
    expect(instants[1]! - instants[0]!).toBe(1000);
    expect(instants[2]!).toBe(instants[3]!);
    expect(instants[4]!).toBeGreaterThan(instants[3]!);
  });

  it.each(['', 'Mars/Olympus', '02:00', '+2:00', '+0200', 'utc+2', 'GMT+25'])('refuses %j', (zone) => {
    expect(() => resolveZone(zone)).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  it.each(['+14:15', '-12:01', '+10:60'])('refuses %s, which no place has', (zone) => {
    expect(() => resolveZone(zone)).toThrow(expect.objectContaining({ code: 'range' }));
  });

  it('refuses a wall clock that is not one', () => {
    expect(() => resolveZone('Europe/Vienna')('2026-02-30T00:00:00')).toThrow(
      expect.objectContaining({ code: 'range' }),
    );
  });
});
