import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import { decimalToString, isDecimal, type SensorValue } from '../../../protocol/decimal.ts';
import { decodeFloat, decodeSfloat, encodeFloat, encodeSfloat } from '../../../protocol/gatt/sfloat.ts';

const text = (value: SensorValue) => (isDecimal(value) ? decimalToString(value) : value);

/** HL7 PHD guide, FLOATS: the table is printed most significant octet first. */
function reversed(hex: string): Uint8Array {
  return decodeHex(hex).reverse();
}

describe('SFLOAT', () => {
  it.each([
    ['0002', '2'],
    ['F014', '2.0'],
    ['E0C8', '2.00'],
    ['2002', '200'],
    ['07FF', 'NaN'],
    ['0800', 'NRes'],
    ['0801', 'RFU'],
    ['07FE', '+INF'],
    ['0802', '-INF'],
    ['07FD', '2045'],
    ['0803', '-2045'],
    ['F7FF', '204.7'], // special mantissa, other exponent: a number
    ['F800', '-204.8'],
    ['8001', '0.00000001'],
    ['7001', '10000000'],
  ])('%s is %s', (hex, expected) => {
    expect(text(decodeSfloat(reversed(hex)))).toBe(expected);
  });

  it('writes back every pattern that senders may use, and no other', () => {
    for (let raw = 0; raw <= 0xffff; raw++) {
      const bytes = Uint8Array.of(raw & 0xff, raw >>> 8);
      const value = decodeSfloat(bytes);
      const mantissa = raw & 0xfff;
      if (isDecimal(value) && mantissa >= 0x7fe && mantissa <= 0x802) {
        expect(() => encodeSfloat(value)).toThrow(expect.objectContaining({ code: 'range' }));
      } else {
        expect(encodeSfloat(value)).toEqual(bytes);
      }
    }
  });

  it.each([
    { mantissa: 2046, exponent: 0 },
    { mantissa: 1, exponent: 8 },
    { mantissa: 1, exponent: -9 },
    { mantissa: 1.5, exponent: 0 },
  ])('never rounds %o into its 16 bits', (value) => {
    expect(() => encodeSfloat(value)).toThrow(expect.objectContaining({ code: 'range' }));
  });
});

describe('FLOAT', () => {
  it.each([
    ['00000002', '2'],
    ['FF000014', '2.0'],
    ['FE0000C8', '2.00'],
    ['007FFFFF', 'NaN'],
    ['00800000', 'NRes'],
    ['00800001', 'RFU'],
    ['007FFFFE', '+INF'],
    ['00800002', '-INF'],
    ['FF7FFFFF', '838860.7'],
    ['FE000E71', '36.97'],
    ['FFFFFFFF', '-0.1'],
  ])('%s is %s and back', (hex, expected) => {
    const value = decodeFloat(reversed(hex));
    expect(text(value)).toBe(expected);
    if (hex !== 'FF7FFFFF') expect(encodeHex(encodeFloat(value).reverse())).toBe(hex.toLowerCase());
  });
});
