/** Values in segments: joined in order, lost as a whole when one is missing. Blood pressure records, GHS observations. */
import { describe, expect, it } from 'vitest';
import { concatBytes, decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import {
  type BloodPressureRecordSegment,
  checkRecord,
  decodeBloodPressureRecord,
  encodeBloodPressureRecord,
  joinRecordSegment,
} from '../../../protocol/gatt/blood-pressure-record.ts';
import { crc16 } from '../../../protocol/gatt/crc16.ts';
import {
  decodeGhsObservation,
  decodeGhsSegment,
  encodeGhsSegment,
  type GhsBundle,
} from '../../../protocol/gatt/ghs.ts';
import { type Assembly, joinSegment, type Segment, splitIntoSegments } from '../../../protocol/gatt/segments.ts';
import { decodeLine } from '../../../verifier/decode.ts';

const decode = (characteristic: string, hex: string) => JSON.parse(decodeLine(JSON.stringify({ characteristic, hex })));

/** What comes of segments heard one after the other: values in hex, `lost` where one was lost. */
function join(segments: readonly Segment[]): string[] {
  const heard: string[] = [];
  let assembly: Assembly | null = null;
  for (const segment of segments) {
    const joined = joinSegment(assembly, segment);
    assembly = joined.assembly;
    if (joined.lost) heard.push('lost');
    if (joined.value) heard.push(encodeHex(joined.value));
  }
  if (assembly) heard.push('open');
  return heard;
}

describe('segments', () => {
  const value = decodeHex('0102030405060708');
  const segments = splitIntoSegments(value, 3, 62);
  const [first, middle, last] = segments as [Segment, Segment, Segment];

  it('are joined, also across the wrap of the counter', () => {
    expect(segments.map(({ counter }) => counter)).toEqual([62, 63, 0]);
    expect(segments.map((segment) => decodeGhsSegment(encodeGhsSegment(segment)))).toEqual(segments);
    expect(join(segments)).toEqual([encodeHex(value)]);
    expect(join(splitIntoSegments(value, 8))).toEqual([encodeHex(value)]);
    expect(join(splitIntoSegments(new Uint8Array(), 8))).toEqual(['']);
  });

  it('lose their value when one is missing, doubled or out of order, and never the next value', () => {
    const whole = encodeHex(value);
    expect(join([first, last, ...segments])).toEqual(['lost', whole]);
    expect(join([middle, last, ...segments])).toEqual(['lost', 'lost', whole]);
    expect(join([first, middle, middle, last, ...segments])).toEqual(['lost', 'lost', whole]);
    expect(join([first, ...segments])).toEqual(['lost', whole]);
    expect(join([first, middle])).toEqual(['open']);
  });

  it('do not fill the memory without end', () => {
    const data = new Uint8Array(40_000);
    const heard = join([
      { first: true, last: false, counter: 0, data },
      { first: false, last: false, counter: 1, data },
      { first: false, last: true, counter: 2, data },
    ]);
    expect(heard).toEqual(['lost', 'lost']);
  });
});

describe('blood pressure records', () => {
  const identity = { sequence: 7, uuid: '2B34' };
  const measurement = decodeHex('00780050006400');
  const covered = concatBytes(decodeHex('0700342b'), measurement);
  const crc = crc16(covered);
  const data = concatBytes(measurement, Uint8Array.of(crc & 0xff, crc >>> 8));
  const [first, last] = splitIntoSegments(data, 5).map((segment) => ({ ...segment, ...identity })) as [
    BloodPressureRecordSegment,
    BloodPressureRecordSegment,
  ];

  it('come back whole, with their CRC checked', () => {
    expect(decodeBloodPressureRecord(encodeBloodPressureRecord(first))).toEqual(first);
    const { open } = joinRecordSegment(null, first);
    const { record, lost } = joinRecordSegment(open, last);
    expect(lost).toBe(false);
    expect(record).toEqual({ ...identity, data });
    expect(checkRecord(record!)).toEqual({ value: measurement, crc, crcValid: true });
    expect(checkRecord({ ...record!, sequence: 8 }).crcValid).toBe(false);
    expect(() => checkRecord({ ...identity, data: new Uint8Array(1) })).toThrow(
      expect.objectContaining({ code: 'truncated' }),
    );
  });

  it('are not mixed with each other', () => {
    const { open } = joinRecordSegment(null, first);
    expect(joinRecordSegment(open, { ...last, sequence: 8 })).toEqual({ open: null, record: null, lost: true });
    const other = joinRecordSegment(open, { ...first, sequence: 8 });
    expect(other).toMatchObject({ open: { sequence: 8 }, lost: true });
  });

  it('refuse a UUID that is none', () => {
    expect(() => encodeBloodPressureRecord({ ...first, uuid: 'zz' })).toThrow(
      expect.objectContaining({ code: 'range' }),
    );
    expect(decode('2B36', '03010034')).toEqual({ error: 'truncated' });
  });
});

describe('GHS observations', () => {
  const header = (observationClass: string, length: number, flags: string) =>
    `${observationClass}${encodeHex(Uint8Array.of(length, 0))}${flags}`;
  /** Class 1, type 150456 (oxygen saturation), 95.0 %. */
  const numeric = `${header('01', 15, '0100')}b84b02002002b60300ff`;

  it('read both meanings of Length, and nothing else', () => {
    expect(decode('2B8B', `03${numeric}`)).toMatchObject({ type: 150_456, value: 95, unitCode: 544, time: null });
    const behind = numeric.replace('010f00', '010c00');
    expect(decode('2B8B', `03${behind}`)).toEqual(decode('2B8B', `03${numeric}`));
    expect(decode('2B8B', `03${numeric}00`)).toEqual({ error: 'trailing' });
    expect(decode('2B8B', `03${numeric.replace('010f00', '010200')}`)).toEqual({ error: 'size' });
    expect(decode('2B8B', `03${numeric.slice(0, -2)}`)).toEqual({ error: 'truncated' });
  });

  it.each([
    ['discrete', `${header('02', 9, '0000')}01000200`, { class: 2, value: 131_073 }],
    ['string', `${header('03', 9, '0000')}02006f6b`, { class: 3, value: 'ok' }],
    ['string that is not UTF-8', `${header('03', 8, '0000')}0100ff`, { error: 'range' }],
    ['events', `${header('05', 14, '0000')}020100020002000200`, { class: 5, value: [131_073, 131_074] }],
    ['state', `${header('06', 7, '0000')}0102`, { class: 6, octets: '0102' }],
    ['TLVs as a value', `${header('08', 6, '0000')}07`, { class: 8, octets: '07' }],
    ['draft class', `${header('00', 11, '0000')}2002b60300ff`, { error: 'range' }],
    ['TLV fields', `${header('01', 11, '0002')}2002b60300ff`, { error: 'range' }],
    ['reserved flag', `${header('01', 11, '0004')}2002b60300ff`, { error: 'range' }],
  ])('%s', (_, hex, expected) => {
    expect(decode('2B8B', `03${hex}`)).toMatchObject(expected);
  });

  it('read compounds, waveforms and every field', () => {
    const compound = `${header('07', 32, '0100')}044a0200${'02'}054a020001200f78000000064a020001200f50000000`;
    expect(decode('2B8B', `03${compound}`)).toMatchObject({
      class: 7,
      type: 150_020,
      components: [
        { type: 150_021, class: 1, unitCode: 3872, value: 120 },
        { type: 150_022, class: 1, value: 80 },
      ],
    });
    const wave = `${header('04', 37, '0000')}2002${'01000000'}${'00000000'}${'ffffffff'}${'05000000'}${'0a0000ff'}0101${'04000000'}01020304`;
    expect(decode('2B8B', `03${wave}`)).toMatchObject({ min: -1, max: 5, periodS: 1, samples: '01020304' });
    const fields = '3412cdab' + '02' + '0101000000' + '0102000000' + '0103000000';
    const all = `${header('02', 31, 'f801')}2100${fields}01000200`;
    expect(decode('2B8B', `03${all}`)).toMatchObject({
      status: ['invalid', 'test'],
      objectId: 0xabcd1234,
      patient: 2,
      supplemental: [1],
      derivedFrom: [2],
      hasMember: [3],
      value: 131_073,
    });
  });

  it('come in bundles, which hold no bundles', () => {
    const member = `${header('01', 11, '0000')}2002b60300ff`;
    const bundle = `${header('ff', 32, '0100')}b84b0200${'02'}${member}${member}`;
    const { observations, type } = decodeGhsObservation(decodeHex(bundle)) as GhsBundle;
    expect(type).toBe(150_456);
    expect(observations.map(({ class: observationClass }) => observationClass)).toEqual([1, 1]);
    const nested = `${header('ff', 12, '0000')}01${header('ff', 6, '0000')}00`;
    expect(decode('2B8B', `03${nested}`)).toEqual({ error: 'range' });
  });

  it('are whole only in a segment that is first and last', () => {
    expect(decode('2B8B', '05aabb')).toEqual({ first: true, last: false, counter: 1, data: 'aabb' });
    expect(decode('2B8B', '')).toEqual({ error: 'truncated' });
  });
});
