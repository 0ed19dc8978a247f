import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decimalToString } from '../../protocol/decimal.ts';
import { Fault } from '../../protocol/fault.ts';
import { parseRecording } from '../../simulators/recording.ts';

const HEADER = 'measuredAt,heart-rate [/min]';

function refusal(text: string): string {
  try {
    parseRecording(text);
  } catch (error) {
    if (error instanceof Fault) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

describe('parseRecording', () => {
  it('keeps decimals, order, repetitions and empty cells', () => {
    const { columns, rows } = parseRecording(
      [
        '\uFEFFsubject,measuredAt,body-temperature [Cel],systolic-pressure [kPa]',
        'a,2016-04-01T07:54:00,36.60,16.0',
        'a,2016-04-01T07:54:00,36.60,16.0',
        '"b",2016-04-01T07:53:00,,15',
        '',
      ].join('\r\n'),
    );
    expect(columns).toEqual([
      { vital: 150364, unit: 'Cel' },
      { vital: 150021, unit: 'kPa' },
    ]);
    expect(
      rows.map(({ subject, measuredAt, values }) => [
        subject,
        measuredAt,
        ...values.map((v) => decimalToString(v.value)),
      ]),
    ).toEqual([
      ['a', '2016-04-01T07:54:00', '36.60', '16.0'],
      ['a', '2016-04-01T07:54:00', '36.60', '16.0'],
      ['b', '2016-04-01T07:53:00', '15'],
    ]);
    expect(rows[2]?.values).toEqual([{ vital: 150021, unit: 'kPa', value: { mantissa: 15, exponent: 0 } }]);
  });

  it.each([
    ['', 'malformed line 1: no header'],
    ['heart-rate [/min]\n72', 'malformed line 1: header is not'],
    ['measuredAt,subject,heart-rate [/min]', 'malformed line 1: column 2 '],
    ['measuredAt', 'malformed line 1: no column'],
    ['measuredAt,heart-rate', 'malformed line 1: column 2 '],
    ['measuredAt,heart-rate [bpm]', 'malformed line 1: column 2 '],
    ['measuredAt,heart-rate [constructor]', 'malformed line 1: column 2 '],
    ['subject,measuredAt,pulse-secret [/min]', 'malformed line 1: column 3 '],
    ['measuredAt,blood-pressure [mm[Hg]]', 'malformed line 1: column 2 '],
    [`${HEADER},heart-rate [/min]`, 'malformed line 1: two columns'],
    [`${HEADER}\n2016-04-01T07:54:00,72\n2016-04-01T07:54:05`, 'malformed line 3: '],
    [`${HEADER}\n2016-04-01T07:54:00,72,1`, 'malformed line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00,"72`, 'malformed line '],
    [`${HEADER}\n\n2016-04-01 07:54:00,72`, 'malformed line 3: '],
    [`${HEADER}\n2016-02-30T07:54:00,72`, 'range line 2: '],
    [`${HEADER}\n2016-04-01T24:00:00,72`, 'range line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00Z,72`, 'malformed line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00,`, 'malformed line 2: no value'],
    [`${HEADER}\n2016-04-01T07:54:00, 72`, 'malformed line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00,1e2`, 'malformed line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00,NaN`, 'malformed line 2: '],
    [`${HEADER}\n2016-04-01T07:54:00,999999999999999.99`, 'range line 2: '],
    ['subject,measuredAt,glucose [mg/dL]\n,2016-04-01T07:54:00,72', 'malformed line 2: no subject'],
  ])('refuses %j', (text, expected) => {
    const message = refusal(text);
    expect(message.slice(0, expected.length)).toBe(expected);
    expect(message).not.toMatch(/secret|72|2016|1e2|NaN|999/);
  });

  it.each([
    ['heart-rate-fitbit.csv', 5600, [null], '/min'],
    ['glucose-cgm-dexcom.csv', 5425, ['1636-69-001', '1636-69-026', '1636-69-032'], 'mg/dL'],
  ])('reads %s whole', (file, count, subjects, unit) => {
    const path = new URL(`../../simulators/recordings/${file}`, import.meta.url);
    const { columns, rows } = parseRecording(readFileSync(path, 'utf8'));
    expect(columns.map((column) => column.unit)).toEqual([unit]);
    expect(rows.length).toBe(count);
    expect([...new Set(rows.map(({ subject }) => subject))]).toEqual(subjects);
  });
});
