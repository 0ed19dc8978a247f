import { describe, expect, it } from 'vitest';
import {
  deviceMark,
  deviceSignsText,
  lastHeardAt,
  markLogged,
  sortReadings,
  takeReading,
} from '../../../consoles/shared/readings.ts';
import { formatInstant } from '../../../protocol/time.ts';
import { readingOf, T0 } from '../../support/console-readings.ts';

describe('takeReading', () => {
  const first = readingOf();

  it('replaces the older of the same vital sign and device, and marks it as live', () => {
    const newer = readingOf({ value: '75' }, T0 + 1000);
    expect(takeReading([first], newer)).toEqual([{ ...newer, live: true }]);
  });

  it('adds what is of another vital sign or device', () => {
    expect(takeReading([first], readingOf({ device: '2222' }))).toHaveLength(2);
    expect(takeReading([first], readingOf({ vital: 'glucose' }))).toHaveLength(2);
  });

  it('never lets late data replace fresh data', () => {
    const late = readingOf({ value: '75' }, T0 - 1000);
    expect(takeReading([first], late)).toEqual([first]);
  });

  it('never lets what may be of any age replace what was measured at a known time, and yields to that', () => {
    for (const flag of ['clock-ahead', 'clock-not-set', 'time-unknown']) {
      const arrived = readingOf({ value: '75', flags: [flag] }, T0 + 1000);
      expect(takeReading([first], arrived)).toEqual([first]);
      expect(takeReading([arrived], first)).toEqual([{ ...first, live: true }]);
      const later = readingOf({ value: '76', flags: [flag] }, T0 + 2000);
      expect(takeReading([arrived], later)).toEqual([{ ...later, live: true }]);
    }
  });

  it('shows a glucose sensor on, whose clock is not set and which counts from the start of its session', () => {
    const next = readingOf({ value: '75', flags: ['clock-not-set'], heardAt: formatInstant(T0 + 3000) }, T0 + 1000);
    expect(takeReading([first], next)).toEqual([{ ...next, live: true }]);
  });

  it('takes a time after the arrival for none', () => {
    const ahead = readingOf({ heardAt: formatInstant(T0 + 1000) }, T0 + 86_400_000);
    expect(takeReading([first], ahead)).toEqual([first]);
    expect(takeReading([ahead], first)).toEqual([{ ...first, live: true }]);
  });

  it('changes nothing when the same reading comes again, and forgets no log', () => {
    const logged = { ...first, inLog: true };
    expect(takeReading([logged], first)).toEqual([logged]);
    expect(takeReading([first], logged)).toEqual([logged]);
  });

  it('forgets no anchor that held it', () => {
    const held = { ...first, inLog: true, anchors: { held: 1, of: 2 } };
    expect(takeReading([held], { ...first, anchors: { held: 0, of: 2 } })).toEqual([held]);
    expect(markLogged([held], first.id, { held: 2, of: 2 })[0]!.anchors).toEqual({ held: 2, of: 2 });
    expect(markLogged([held], first.id)[0]).toEqual(held);
  });
});

describe('lists of readings', () => {
  it('turns the badge of one reading', () => {
    const [a, b] = [readingOf(), readingOf({ device: '2222' }, T0 + 1)];
    expect(markLogged([a, b], b.id).map(({ inLog }) => inLog)).toEqual([false, true]);
  });

  it('keeps the order of the table, whatever comes first', () => {
    const [battery, glucose, heart, other] = ['battery', 'glucose', 'heart-rate', 'unknown'].map((vital) =>
      readingOf({ vital }),
    );
    expect(sortReadings([other!, battery!, glucose!, heart!])).toEqual([heart, glucose, battery, other]);
  });

  it('knows when anything was last heard', () => {
    expect(lastHeardAt([])).toBeUndefined();
    expect(lastHeardAt([readingOf({}, T0 + 5), readingOf()])).toBe(T0 + 5);
  });

  it('marks devices only where there are several of one vital sign', () => {
    const [a, b] = [readingOf(), readingOf({ device: '22225555' })];
    expect(deviceMark(a, [a])).toBeUndefined();
    expect(deviceMark(b, [a, b])).toBe('2222');
  });

  it('sums up batteries', () => {
    const battery = (value: string) => readingOf({ vital: 'battery', value });
    expect(deviceSignsText([battery('90'), battery('15')])).toBe('2 battery levels, lowest 15 %');
    expect(deviceSignsText([battery('NaN')])).toBe('1 battery level');
  });
});
