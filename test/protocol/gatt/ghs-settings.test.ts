import { describe, expect, it } from 'vitest';
import { decodeHex, encodeHex } from '../../../protocol/bytes.ts';
import {
  decodeGhsControlPoint,
  decodeGhsFeatures,
  decodeObservationSchedule,
  encodeGhsControlPoint,
  encodeGhsFeatures,
  encodeObservationSchedule,
} from '../../../protocol/gatt/ghs-settings.ts';
import { MDC } from '../../../protocol/vital-signs.ts';

describe('Health Sensor Features', () => {
  it.each([
    ['0002b84b02006c490200', { types: [MDC.oxygenSaturation, 149_868], specializations: null }],
    // As the published sensor simulator sends it: blood pressure, specialization 4103 version 1.
    ['0101044a020001071001', { types: [MDC.bloodPressure], specializations: [{ term: 4103, version: 1 }] }],
    ['0000', { types: [], specializations: null }],
  ])('%s', (hex, features) => {
    expect(decodeGhsFeatures(decodeHex(hex))).toEqual({ ...features, unknownOctets: 0 });
    expect(encodeHex(encodeGhsFeatures(features))).toBe(hex);
  });

  it('keeps what it knows of a later standard, and refuses what is cut off or too long', () => {
    expect(decodeGhsFeatures(decodeHex('0200ff'))).toEqual({ types: [], specializations: null, unknownOctets: 1 });
    for (const [hex, code] of [
      ['', 'truncated'],
      ['0001b84b02', 'truncated'],
      ['0100', 'truncated'],
      ['0000ff', 'trailing'],
    ]) {
      expect(() => decodeGhsFeatures(decodeHex(hex!))).toThrow(expect.objectContaining({ code }));
    }
  });
});

describe('Observation Schedule Changed', () => {
  it('gives period and interval as exact decimals', () => {
    const schedule = {
      type: MDC.heartRate,
      measurementPeriodS: { mantissa: 5, exponent: -1 },
      updateIntervalS: { mantissa: 60, exponent: 0 },
    };
    const hex = '82410200050000ff3c000000';
    expect(decodeObservationSchedule(decodeHex(hex))).toEqual(schedule);
    expect(encodeHex(encodeObservationSchedule(schedule))).toBe(hex);
    expect(() => decodeObservationSchedule(decodeHex(`${hex}00`))).toThrow(
      expect.objectContaining({ code: 'trailing' }),
    );
  });
});

describe('GHS Control Point', () => {
  it.each([
    ['01', 'startLive'],
    ['02', 'stopLive'],
    ['80', 'success'],
    ['7f', 'reserved'],
  ])('%s is %s', (hex, procedure) => {
    const decoded = decodeGhsControlPoint(decodeHex(hex));
    expect(decoded.procedure).toBe(procedure);
    expect(encodeHex(encodeGhsControlPoint(decoded))).toBe(hex);
  });
});
