/** Glucose meters, clocks, device information, batteries, speed, advertisements: what the published vectors leave out. */
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { decodeBthome, encodeBthome } from '../../../protocol/gatt/bthome.ts';
import { decodeCurrentElapsedTime, elapsedTimeInstant } from '../../../protocol/gatt/elapsed-time.ts';
import {
  decodeGlucoseMeasurement,
  encodeGlucoseMeasurement,
  glucoseWallClock,
} from '../../../protocol/gatt/glucose.ts';
import { encodeRscMeasurement } from '../../../protocol/gatt/speed-cadence.ts';
import { decodeLine } from '../../../verifier/decode.ts';

const decode = (characteristic: string, hex: string) =>
  JSON.parse(decodeLine(JSON.stringify({ characteristic, hex: hex.replaceAll(' ', '') })));
const range = expect.objectContaining({ code: 'range' });

describe('glucose', () => {
  it('shifts the exponent and converts nothing', () => {
    const line = JSON.stringify({ characteristic: '2A18', hex: '020100e20706060e350e54b011' });
    expect(decodeLine(line)).toContain('"concentration":0.00084,"unit":"kg/L","mgPerDl":84,"mmolPerL":null');
    expect(decode('2A18', '060100e20706060e350e37c011')).toMatchObject({ mmolPerL: 5.5, mgPerDl: null });
    expect(decode('2A18', '020100e20706060e350eff0711')).toMatchObject({ concentration: 'NaN', mgPerDl: 'NaN' });
  });

  it('knows control solution by type or location', () => {
    const control = (sample: string) => decode('2A18', `020100e20706060e350e54b0${sample}`).controlSolution;
    expect(['1a', '41', '11', '99'].map(control)).toEqual([true, true, false, false]);
  });

  it('dates by base time and offset, also backwards', () => {
    const measurement = decodeGlucoseMeasurement(decodeHex('010100e20706060e350ec4ff'));
    expect(measurement.offsetMin).toBe(-60);
    expect(glucoseWallClock(measurement)).toBe('2018-06-06T13:53:14');
    expect(glucoseWallClock({ baseTime: [null, 1, 1, 0, 0, 0], offsetMin: 0 })).toBeUndefined();
    expect(glucoseWallClock({ baseTime: [9999, 12, 31, 23, 59, 59], offsetMin: 1 })).toBeUndefined();
    expect(() => encodeGlucoseMeasurement({ ...measurement, offsetMin: 40_000 })).toThrow(range);
  });

  it('reads reserved codes as such, and does not write them', () => {
    const reserved = decodeGlucoseMeasurement(decodeHex('020100e20706060e350e54b0ff'));
    expect(reserved).toMatchObject({ type: 'reserved', location: 'na' });
    expect(() => encodeGlucoseMeasurement(reserved)).toThrow(range);
    expect(decode('2A34', '02010009')).toMatchObject({ meal: 'reserved', carb: null });
    expect(decode('2A34', '80010001ff')).toMatchObject({ extFlags: 1, unknownOctets: 1 });
    expect(decode('2A34', '80010000ff')).toEqual({ error: 'trailing' });
    expect(decode('2A18', '200100e20706060e350eff')).toMatchObject({ unknownOctets: 1 });
  });
});

describe('clocks', () => {
  const instant = (hex: string) => elapsedTimeInstant(decodeCurrentElapsedTime(decodeHex(hex)));

  it('give an instant where they can', () => {
    expect(instant('020000000000000700')).toBe(Date.UTC(2000, 0, 1));
    expect(instant('100000000000000008')).toBe(Date.UTC(1999, 11, 31, 22)); // local, two hours east
    expect(instant('0e0f00000000000000')).toBe(Date.UTC(2000, 0, 1) + 1); // 1.5 ms
    expect(instant('000000000000000000')).toBeUndefined(); // local without offset
    expect(instant('030000000000000000')).toBeUndefined(); // ticks
    expect(instant('02ffffffffffff0000')).toBeUndefined(); // beyond the year 9999
  });

  it.each([
    ['2BF2', '02000000000000070000', { error: 'truncated' }],
    ['2BF2', '020000000000000700', { needsSet: null, managesTz: null }],
    ['2BF2', '020000000000000900', { source: 'reserved' }],
    ['2A2B', 'e907010f0e1e2d082101', { error: 'range' }],
    ['2A2B', 'e907010f0e1e2d0321ff', { adjust: ['manual', 'externalReference', 'timeZone', 'dst'] }],
    ['2A0F', '80ff', { tzMin: null, dstMin: null }],
    ['2A0F', '0403', { error: 'range' }],
    ['2B90', '0000000000007f00', { epoch: 2000, status: expect.arrayContaining(['timeFault', 'logConsolidation']) }],
    ['2B90', '000000000000000000000000', { error: 'trailing' }],
    ['2A21', '3c00', { intervalS: 60 }],
  ])('%s %s', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex)).toMatchObject(expected);
  });
});

describe('device information and battery', () => {
  it.each([
    ['2A23', '001c05ffff fee874', { manufacturerId: 0xffff051c00, oui: 0x74e8fe, eui64: '74e8feffff051c00' }],
    ['2A23', '00', { error: 'truncated' }],
    ['2A2A', '00020012', { data: '00020012' }],
    ['2A50', '00 6b00 0100 0001', { error: 'range' }],
    ['2A50', '01 6b00 0100 0001', { source: 'sig', vendor: 0x6b }],
    ['2BFF', '01 ff 00', { error: 'range' }],
    ['2BFF', '01 4142', { error: 'truncated' }],
    ['2BFF', '00 00', { error: 'trailing' }],
    ['2BFF', '10 00', { label: null, unknownOctets: 1 }],
    [
      '2BED',
      '07 2371 0100 2c 06',
      {
        present: true,
        wired: 'yes',
        wireless: 'no',
        chargeState: 'charging',
        chargeLevel: 'low',
        chargingType: 'unknown',
        chargingFaults: ['battery', 'externalPower', 'other'],
        identifier: 1,
        percent: 44,
        additional: { serviceRequired: 'unknown', batteryFault: true },
      },
    ],
    ['2BED', '02 0100 65', { error: 'range' }],
  ])('%s %s', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex)).toMatchObject(expected);
  });
});

describe('speed and cadence', () => {
  it('are exact, whatever the fraction', () => {
    expect(decode('2A53', '07 0100 50 6400 e8030000')).toEqual({
      speedMps: 0.00390625,
      cadence: 80,
      strideM: 1,
      distanceM: 100,
      running: true,
      unknownOctets: 0,
    });
    const slow = { cadence: 0, strideM: null, distanceM: null, running: false };
    expect(encodeHex(encodeRscMeasurement({ ...slow, speedMps: { mantissa: 25, exponent: -1 } }))).toBe('00800200');
    expect(() => encodeRscMeasurement({ ...slow, speedMps: { mantissa: 1, exponent: -1 } })).toThrow(range);
    expect(decode('2A5B', '00')).toMatchObject({ wheelRevs: null, crankTime1024: null });
  });
});

describe('advertisements', () => {
  it.each([
    ['FCD2-adv', '', { error: 'truncated' }],
    ['FCD2-adv', '20', { error: 'version' }],
    ['FCD2-adv', '42b218', { error: 'truncated' }],
    ['FCD2-adv', '4058ff', { values: [['temperature', -0.35]] }],
    [
      'FCD2-adv',
      '401501 0f00',
      {
        values: [
          ['batteryLow', true],
          ['boolean', false],
        ],
      },
    ],
    [
      'FCD2-adv',
      '405301ff 5402aabb',
      {
        values: [
          ['text', 'ff'],
          ['raw', 'aabb'],
        ],
      },
    ],
    ['006B-adv', '6b003b1644', { bpm: 68, slowBpm: null, contactDetected: true, counter: 6 }],
    ['006B-adv', '6b007b164446', { error: 'range' }],
    ['006B-adv', '6c003b164446', { error: 'range' }],
    ['006B-adv', '6b003b16444600', { error: 'trailing' }],
  ])('%s %s', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex)).toMatchObject(expected);
  });

  it('write each value as the object that holds exactly it', () => {
    const write = (name: string, mantissa: number, exponent: number) =>
      encodeHex(encodeBthome({ mac: null, trigger: false, values: [[name, { mantissa, exponent }]] }));
    expect(write('temperature', 3661, -2)).toBe('40024d0e');
    expect(write('temperature', 366, -1)).toBe('40456e01');
    expect(write('temperature', -1, 0)).toBe('4057ff');
    expect(write('count', 256, 0)).toBe('403d0001');
    expect(write('count', -1, 0)).toBe('4059ff');
    expect(() => write('temperature', 1, -5)).toThrow(range);
    expect(() => write('heartRate', 70, 0)).toThrow(range);
    const whole = {
      mac: 'a4c1388d18b2',
      trigger: true,
      values: [
        ['text', 'ok'],
        ['motion', true],
      ],
    } as const;
    expect(decodeBthome(encodeBthome(whole))).toMatchObject(whole);
  });
});
