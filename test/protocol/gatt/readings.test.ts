import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { decimalToString, isDecimal, type SensorValue } from '../../../protocol/decimal.ts';
import { encodeCgmSessionStartTime } from '../../../protocol/gatt/cgm-session.ts';
import { QUALITY_FLAGS } from '../../../protocol/gatt/quality.ts';
import { hasNumber, readingsOf } from '../../../protocol/gatt/readings.ts';
import { VALID_VECTORS } from '../../support/gatt-vectors.ts';

const text = (value: SensorValue) => (isDecimal(value) ? decimalToString(value) : value);

/** One line for each reading: vital, value or components, unit, flags, clock, zone, site. */
function lines(characteristic: number, hex: string, sessionStart?: Uint8Array): string[] {
  return readingsOf(characteristic, decodeHex(hex), sessionStart ? { sessionStart } : {}).map((reading) => {
    const value = reading.value === undefined ? '' : text(reading.value);
    const parts = (reading.components ?? []).map((part) => `${part.vital}=${text(part.value)}`);
    const { vital, unit, flags, deviceClock = '', zoneMin = '', site = '' } = reading;
    return [vital, value + parts.join(' '), unit, flags.join(','), deviceClock, zoneMin, site].join('|');
  });
}

function sessionStart(dstMin: number | null = 60, crc: 'compute' | number | null = null): Uint8Array {
  return encodeCgmSessionStartTime({ time: [2026, 12, 31, 23, 50, 5], tzMin: 60, dstMin, crc });
}

describe('readingsOf', () => {
  it.each([
    ['heart rate', 0x2a37, '06aa', ['147842|170|/min||||']],
    ['heart rate without contact', 0x2a37, '0400', ['147842|0|/min|no-contact|||']],
    ['contact not supported is no doubt', 0x2a37, '0246', ['147842|70|/min||||']],
    ['fields of a later standard', 0x2a37, '2046ff', ['147842|70|/min|unknown-octets|||']],
    ['battery', 0x2a19, '2c', ['67996|44|%||||']],
    ['temperature', 0x2a1c, '06710e00fee90705150a1e2d01', ['150364|36.97|Cel||2025-05-21T10:30:45||188452']],
    ['Fahrenheit keeps its unit', 0x2a1c, '01da0300ff', ['150364|98.6|[degF]||||']],
    ['year unknown is no clock', 0x2a1c, '02c40900fe00000515000000', ['150364|25.00|Cel||||']],
    ['31 February is no clock', 0x2a1c, '02c40900feea07021f000000', ['150364|25.00|Cel||||']],
    [
      'failed blood pressure',
      0x2a35,
      '16ff07ff07ff07e107011000391cff070000',
      [
        '150020|150021=NaN 150022=NaN 150023=NaN|mm[Hg]||2017-01-16T00:57:28||',
        '149546|NaN|/min||2017-01-16T00:57:28||',
      ],
    ],
    ['kPa keeps its unit', 0x2a35, '0110006bf07cf0', ['150020|150021=16 150022=10.7 150023=12.4|kPa||||']],
    [
      'cuff flags',
      0x2a35,
      '10780050005d002f00',
      [
        '150020|150021=120 150022=80 150023=93|mm[Hg]|bad-position,body-movement,cuff-loose,irregular-pulse,pulse-range|||',
      ],
    ],
    [
      'oximeter',
      0x2a5f,
      '1cd4f35a0060402000 0057f0'.replace(' ', ''),
      [
        '150456|98.0|%|early-estimate,low-perfusion,questionable|||',
        '149530|90|/min|early-estimate,low-perfusion,questionable|||',
        '150448|8.7|%|early-estimate,low-perfusion,questionable|||',
      ],
    ],
    [
      'spot check',
      0x2a5e,
      '0162004000ea0709180e1e05',
      ['150456|98|%||2026-09-24T14:30:05||', '149530|64|/min||2026-09-24T14:30:05||'],
    ],
    [
      'spot check, clock not set',
      0x2a5e,
      '1162004000ea0709180e1e05',
      ['150456|98|%|clock-not-set|||', '149530|64|/min|clock-not-set|||'],
    ],
    ['CGM without session start', 0x2aa7, '060078001e00', ['160212|120|mg/dL||||']],
    ['CGM with wrong CRC', 0x2aa7, '08000c100600586f', ['160212|120|mg/dL|crc-mismatch|||']],
    [
      'CGM beyond device range',
      0x2aa7,
      '0720780001 0080'.replace(' ', ''),
      ['160212|120|mg/dL|out-of-device-range|||'],
    ],
    ['intermediate cuff pressure', 0x2a36, '00d7f000000000', []],
    ['intermediate temperature', 0x2a1e, '00c40900fe', []],
    ['feature', 0x2a49, '3f00', []],
  ])('%s', (_, characteristic, hex, expected) => {
    expect(lines(characteristic, hex)).toEqual(expected);
  });

  it('dates CGM records by session start and offset, with the zone only when both parts are known', () => {
    const hex = '060078000a00060077001d00';
    expect(lines(0x2aa7, hex, sessionStart())).toEqual([
      '160212|120|mg/dL||2027-01-01T00:00:05|120|',
      '160212|119|mg/dL||2027-01-01T00:19:05|120|',
    ]);
    expect(lines(0x2aa7, hex, sessionStart(null))[0]).toBe('160212|120|mg/dL||2027-01-01T00:00:05||');
    expect(lines(0x2aa7, hex, sessionStart(0, 'compute'))[0]).toBe('160212|120|mg/dL||2027-01-01T00:00:05|60|');
  });

  it('gives no device clock for a session start that is broken, mistrusted or at the end of time', () => {
    const last = encodeCgmSessionStartTime({ time: [9999, 12, 31, 23, 59, 0], tzMin: 0, dstMin: 0, crc: null });
    for (const start of [new Uint8Array(), sessionStart(0, 1), last, new Uint8Array(9)]) {
      expect(lines(0x2aa7, '060078001e00', start)).toEqual(['160212|120|mg/dL||||']);
    }
  });

  it('gives the same reading again from the raw bytes of each reading', () => {
    for (const { characteristic, hex } of VALID_VECTORS) {
      const uuid = Number.parseInt(characteristic, 16);
      if (!/^2A/.test(characteristic)) continue;
      const context = { sessionStart: sessionStart() };
      for (const reading of readingsOf(uuid, decodeHex(hex), context)) {
        expect(readingsOf(uuid, reading.raw, context)).toContainEqual(reading);
        for (const flag of reading.flags) expect(QUALITY_FLAGS).toHaveProperty(flag);
      }
    }
  });

  it('copies the bytes', () => {
    const bytes = decodeHex('06aa');
    const [reading] = readingsOf(0x2a37, bytes);
    bytes.fill(0);
    expect(encodeHex(reading!.raw)).toBe('06aa');
  });

  it('refuses what it cannot read', () => {
    expect(() => readingsOf(0x2a37, new Uint8Array())).toThrow(expect.objectContaining({ code: 'truncated' }));
    expect(() => readingsOf(0x2a36, new Uint8Array())).toThrow(expect.objectContaining({ code: 'truncated' }));
    expect(() => readingsOf(0x1234, decodeHex('00'))).toThrow(
      expect.objectContaining({ code: 'unknown-characteristic' }),
    );
  });
});

describe('hasNumber', () => {
  it('tells a failed measurement from one with at least one number', () => {
    const [nothing] = readingsOf(0x2a35, decodeHex('00ff07ff07ff07'));
    const [something] = readingsOf(0x2a35, decodeHex('00ff07ff075d00'));
    expect([hasNumber(nothing!), hasNumber(something!)]).toEqual([false, true]);
  });
});
