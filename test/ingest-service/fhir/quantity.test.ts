import { describe, expect, it } from 'vitest';
import { kilopascalToMmHg } from '../../../ingest-service/fhir/quantity.ts';
import { decimalToString, parseDecimal } from '../../../protocol/decimal.ts';

describe('kilopascalToMmHg', () => {
  it.each([
    ['16.0', '120.0'],
    ['16', '120'],
    ['10.67', '80.03'],
    ['0.1', '0.8'],
    ['0.0', '0.0'],
    ['-1.0', '-7.5'],
    // UCUM: 133.322 kPa is one meter of mercury
    ['133.322', '1000.000'],
  ])('%s kPa is %s mm[Hg]', (kPa, mmHg) => {
    expect(decimalToString(kilopascalToMmHg(parseDecimal(kPa))!)).toBe(mmHg);
  });

  it('never makes two pressures one', () => {
    let previous = -Infinity;
    for (let mantissa = -2048; mantissa <= 2047; mantissa++) {
      const converted = kilopascalToMmHg({ mantissa, exponent: -1 })!;
      expect(converted.exponent).toBe(-1);
      expect(converted.mantissa).toBeGreaterThan(previous);
      previous = converted.mantissa;
    }
  });
});
