/** Readings of generic health sensors, line by line. */
import { describe, expect, it } from 'vitest';
import type { ElapsedTime } from '../../../protocol/gatt/elapsed-time.ts';
import { encodeLiveHealthObservation, type GhsBundle, type GhsObservation } from '../../../protocol/gatt/ghs.ts';
import { MDC } from '../../../protocol/vital-signs.ts';
import { readingLines } from '../../support/reading-lines.ts';

describe('a generic sensor', () => {
  const noTime = {
    durationS: null,
    status: null,
    objectId: null,
    patient: null,
    supplemental: null,
    derivedFrom: null,
  };
  const bare = { type: null, time: null, ...noTime, hasMember: null };
  const whole = { first: true, last: true, counter: 0 };
  const at: ElapsedTime = {
    value: 820_540_800, // 2026-01-01T00:00:00
    tick: false,
    utc: true,
    resolutionS: { mantissa: 1, exponent: 0 },
    tzUsed: true,
    currentTimeline: true,
    source: 'ntp',
    offset15: 4,
  };
  const number = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
  const observe = (observation: GhsObservation | GhsBundle, characteristic = 0x2b8b) =>
    readingLines(characteristic, encodeLiveHealthObservation({ ...whole, ...observation }));
  const numeric = (type: number | null, unitCode: number, mantissa = 40, exponent = 0) =>
    ({ ...bare, type, class: 1, unitCode, value: number(mantissa, exponent) }) as const;

  it.each([
    ['heart rate', numeric(MDC.heartRate, 2720, 72), 'heart-rate 72 /min'],
    ['respiration', numeric(MDC.respiratoryRate, 2784, 15), 'respiratory-rate 15 /min'],
    ['temperature', numeric(MDC.temperature, 6048, 365, -1), 'body-temperature 36.5 Cel'],
    ['weight', numeric(MDC.weight, 1731, 800, -1), 'body-weight 80.0 kg'],
    ['special value', { ...numeric(MDC.weight, 1731), value: 'NaN' as const }, 'body-weight NaN kg'],
    ['code that nobody knows', numeric(1234, 1731), '(unknown-code)'],
    ['no code', numeric(null, 1731), '(unknown-code)'],
    ['a panel as a number', numeric(MDC.bloodPressure, 3872), '(unknown-code)'],
    ['unit that is not its own', numeric(MDC.weight, 2720), '(unknown-unit)'],
    ['unit that nobody knows', numeric(MDC.weight, 9999), '(unknown-unit)'],
    ['no number', { ...bare, type: MDC.weight, class: 2 as const, value: 7 }, '(not-numeric)'],
    ['user', { ...numeric(MDC.weight, 1731), patient: 3 }, 'body-weight 40 kg user=3'],
    [
      'status',
      { ...numeric(MDC.weight, 1731), status: ['test', 'earlyEstimate', 'questionable'] as const },
      'body-weight 40 kg early-estimate,questionable,test TEST',
    ],
    ['time with its zone', { ...numeric(MDC.weight, 1731), time: at }, 'body-weight 40 kg 2026-01-01T01:00:00 zone=60'],
    [
      'UTC',
      { ...numeric(MDC.weight, 1731), time: { ...at, tzUsed: false } },
      'body-weight 40 kg 2026-01-01T00:00:00 zone=0',
    ],
    [
      'local time with its zone',
      { ...numeric(MDC.weight, 1731), time: { ...at, utc: false } },
      'body-weight 40 kg 2026-01-01T00:00:00 zone=60',
    ],
    [
      'local time without',
      { ...numeric(MDC.weight, 1731), time: { ...at, utc: false, tzUsed: false } },
      'body-weight 40 kg 2026-01-01T00:00:00',
    ],
    ['ticks', { ...numeric(MDC.weight, 1731), time: { ...at, tick: true } }, 'body-weight 40 kg clock-not-set'],
    [
      'older timeline',
      { ...numeric(MDC.weight, 1731), time: { ...at, currentTimeline: false } },
      'body-weight 40 kg clock-not-set',
    ],
  ])('%s', (_, observation, expected) => {
    expect(observe(observation)).toEqual([expected]);
  });

  it('gives a panel in the order of the table, and beside it what is no part of it', () => {
    const part = (type: number, unitCode: number, mantissa: number) =>
      ({ type, class: 1, unitCode, value: number(mantissa) }) as const;
    const components = [
      part(MDC.diastolic, 3872, 80),
      part(MDC.cuffPulse, 2720, 64),
      part(MDC.systolic, 3872, 120),
      part(MDC.systolic, 3872, 121),
      part(MDC.meanPressure, 3843, 13),
      part(4711, 3872, 1),
    ];
    expect(observe({ ...bare, type: MDC.bloodPressure, class: 7, components })).toEqual([
      'blood-pressure systolic-pressure=120,diastolic-pressure=80 mm[Hg]',
      'cuff-pulse-rate 64 /min',
      '(repeated)',
      '(unknown-unit)',
      '(unknown-code)',
    ]);
    expect(observe({ ...bare, type: MDC.bloodPressure, class: 7, components: [] })).toEqual([]);
  });

  it('gives each observation of a bundle with the fields of the bundle, and calls what was stored so', () => {
    const other = { ...numeric(MDC.weight, 1731, 41), time: { ...at, value: at.value + 60 } };
    const bundle: GhsBundle = {
      ...bare,
      class: 255,
      time: at,
      patient: 2,
      observations: [numeric(MDC.weight, 1731), other, numeric(MDC.weight, 1731, 42), numeric(MDC.bodyFat, 544, 20)],
    };
    expect(observe(bundle, 0x2bdd)).toEqual([
      'body-weight 40 kg from-storage 2026-01-01T01:00:00 zone=60 user=2',
      'body-weight 41 kg from-storage 2026-01-01T01:01:00 zone=60 user=2',
      'body-fat 20 % from-storage 2026-01-01T01:00:00 zone=60 user=2',
      '(repeated)',
    ]);
  });

  it('is not read in parts', () => {
    expect(readingLines(0x2b8b, '01aabb')).toEqual(['(segment)']);
  });
});
