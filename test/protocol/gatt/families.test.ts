/** What the published vectors do not show: the rules for reserved bits, lengths and corners of each family. */
import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { codecNamed } from '../../../protocol/gatt/catalog.ts';
import { encodeCgmMeasurement } from '../../../protocol/gatt/cgm.ts';
import { encodeCgmFeature, encodeCgmSessionStartTime } from '../../../protocol/gatt/cgm-session.ts';
import { crc16 } from '../../../protocol/gatt/crc16.ts';
import { decodeLine } from '../../../verifier/decode.ts';

const decode = (characteristic: string, hex: string) => JSON.parse(decodeLine(JSON.stringify({ characteristic, hex })));

describe('reserved flag bits', () => {
  it.each([
    ['2A37', '2046ffff', { heartRate: 70, unknownOctets: 2 }],
    ['2A37', '3046000401', { rr1024: [1024], unknownOctets: 1 }],
    ['2A35', '20780050005d00aabb', { systolic: 120, unknownOctets: 2 }],
    ['2A1C', '08c40900fe01', { value: 25, unknownOctets: 1 }],
    ['2A5F', '205f005a0001', { spo2: 95, unknownOctets: 1 }],
    ['2A5E', '205f005a0001', { spo2: 95, unknownOctets: 1 }],
    [
      '2AA7',
      '0904780001000102030600780002 00'.replace(' ', ''),
      { records: [{ unknownOctets: 3, crc: null }, { offsetMin: 2 }] },
    ],
  ])('%s %s keeps the known prefix and says so', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex)).toMatchObject(expected);
  });

  it.each([
    ['2A37', '0046ff', 'trailing'],
    ['2A37', '1046', 'truncated'],
    ['2A37', '104601', 'truncated'],
    ['2A37', '1046000401', 'truncated'],
    ['2A35', '00780050005d00aa', 'trailing'],
    ['2A5F', '005f005a0001', 'trailing'],
  ])('%s %s without them is %s %s', (characteristic, hex, error) => {
    expect(decode(characteristic, hex)).toEqual({ error });
  });
});

describe('times', () => {
  it.each([
    ['2A08', 'ea0702 1f 17 3b 3b', { time: [2026, 2, 31, 23, 59, 59] }],
    ['2A08', '0403 0101 000000', { error: 'range' }], // year 772
    ['2A08', 'ea070d01000000', { error: 'range' }],
    ['2A08', 'ea070120000000', { error: 'range' }],
    ['2A08', 'ea070101180000', { error: 'range' }],
    ['2A08', 'ea070101003c00', { error: 'range' }],
    ['2A08', 'ea07010100003c', { error: 'range' }],
    ['2A08', 'ea0701010000', { error: 'range' }],
    ['2A08', 'ea07010100000000', { error: 'trailing' }],
    ['2A0D', '01', { error: 'range' }],
    ['2A0D', '02', { dstMin: 30 }],
    ['2A0E', 'd0', { tzMin: -720 }],
    ['2A0E', 'cf', { error: 'range' }],
    ['2A0E', '38', { tzMin: 840 }],
    ['2A0E', '08', { tzMin: 120 }],
    ['2A35', '02780050005d00ea070d01000000', { error: 'range' }],
  ])('%s %s', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex.replaceAll(' ', ''))).toEqual(expected);
  });
});

describe('closed lists', () => {
  it.each([
    ['2A38', '07', { error: 'range' }],
    ['2A1D', '00', { error: 'range' }],
    ['2A1D', '0a', { error: 'range' }],
    ['2A1C', '04c40900fe0a', { value: 25, type: 'reserved' }],
  ])('%s %s', (characteristic, hex, expected) => {
    expect(decode(characteristic, hex)).toMatchObject(expected);
  });
});

describe('pulse oximeter', () => {
  it('discards the timestamp of a clock that is not set, whatever it shows', () => {
    expect(decode('2A5E', '1162004000ffffffffffffff')).toMatchObject({ spo2: 98, timestamp: null, clockNotSet: true });
  });

  it('reads all fields of both layouts', () => {
    expect(decode('2A5F', '1f5f005a0060005b005e005900e0ff21000057f0')).toEqual({
      spo2: 95,
      pr: 90,
      fast: { spo2: 96, pr: 91 },
      slow: { spo2: 94, pr: 89 },
      measurementStatus: [
        'ongoing',
        'earlyEstimate',
        'validated',
        'fullyQualified',
        'fromStorage',
        'demonstration',
        'testing',
        'calibrationOngoing',
        'unavailable',
        'questionable',
        'invalid',
      ],
      sensorStatus: ['extendedDisplayUpdate', 'lowPerfusion'],
      pai: 8.7,
      unknownOctets: 0,
    });
    expect(decode('2A5E', '0e5f005a0000020008000a00')).toMatchObject({
      measurementStatus: ['fromStorage'],
      sensorStatus: ['sensorUnconnected'],
      pai: 10,
    });
  });

  it('reads the support fields of 2A60 when they are there', () => {
    expect(decode('2A60', '0300200001000 0'.replace(' ', ''))).toMatchObject({
      measurementStatusSupport: ['ongoing'],
      sensorStatusSupport: ['extendedDisplayUpdate'],
    });
    expect(decode('2A60', '03002000')).toEqual({ error: 'truncated' });
  });
});

describe('CGM', () => {
  const record = {
    glucose: { mantissa: 100, exponent: 0 },
    offsetMin: 1,
    status: null,
    calTemp: null,
    warning: null,
    trend: null,
    quality: null,
  };

  it('computes the CRC that it is asked for', () => {
    const value = encodeCgmMeasurement({
      records: [
        { ...record, crc: 'compute' },
        { ...record, crc: null },
      ],
    });
    expect(decode('2AA7', encodeHex(value))).toMatchObject({ records: [{ crcValid: true }, { crcValid: null }] });
    expect(crc16(value.subarray(0, 8))).toBe(0);
  });

  it('keeps the records before one that contradicts itself, and refuses a value that is cut off', () => {
    const good = '06007800 1e00'.replace(' ', '');
    expect(decode('2AA7', `${good}07e30c10060000`)).toMatchObject({ records: [{ glucose: 120 }], droppedOctets: 7 });
    expect(decode('2AA7', `${good}0500780000`)).toMatchObject({ records: [{ glucose: 120 }], droppedOctets: 5 });
    expect(decode('2AA7', `${good}0600`)).toEqual({ error: 'truncated' });
    expect(decode('2AA7', '')).toEqual({ error: 'truncated' });
  });

  it('gives every record its own octets, which are no view of the value', () => {
    const value = decodeHex('060078001e00060077001d00');
    const { records } = codecNamed('2AA7').decode(value) as { records: { raw: Uint8Array }[] };
    value.fill(0);
    expect(records.map(({ raw }) => encodeHex(raw))).toEqual(['060078001e00', '060077001d00']);
  });

  it('reads a session start with and without CRC', () => {
    const start = { time: [2026, 9, 24, 14, 30, 5], tzMin: 120, dstMin: 60 } as const;
    const bytes = encodeCgmSessionStartTime({ ...start, crc: 'compute' });
    expect(encodeHex(bytes.subarray(0, 9))).toBe('ea0709180e1e050804');
    expect(decode('2AAA', encodeHex(bytes))).toMatchObject({ ...start, crcValid: true });
    expect(decode('2AAA', encodeHex(bytes.subarray(0, 9)))).toEqual({ ...start, crc: null, crcValid: null });
    expect(decode('2AAA', `${encodeHex(bytes.subarray(0, 9))}0000`)).toMatchObject({ crcValid: false });
  });

  it('writes features with the right CRC field', () => {
    const plain = { features: ['calibration'], type: 'isf', location: 'subcutaneous' } as const;
    expect(encodeHex(encodeCgmFeature(plain))).toBe('01000059ffff');
    const checked = encodeCgmFeature({ ...plain, features: ['e2eCrc'] });
    expect(decode('2AA8', encodeHex(checked))).toMatchObject({ features: ['e2eCrc'], crcValid: true });
  });
});
