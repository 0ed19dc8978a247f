import { describe, expect, it } from 'vitest';
import { parseDecimal } from '../../protocol/decimal.ts';
import { allVitalSigns, isPlausible, MDC, vitalSignByMdc, vitalSignByName } from '../../protocol/vital-signs.ts';

describe('the table of vital signs', () => {
  it('has one row for each code and name, and finds it by both', () => {
    const rows = allVitalSigns();
    expect(rows.map(({ mdc }) => mdc).sort()).toEqual(Object.values(MDC).sort());
    for (const row of rows) {
      expect(vitalSignByMdc(row.mdc)).toBe(row);
      expect(vitalSignByName(row.name)).toBe(row);
      expect(row.name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    }
    expect(vitalSignByName('heart-rate')?.mdc).toBe(147842);
    expect(vitalSignByName('glucose')?.mdc).toBe(160212);
    expect(vitalSignByName('constructor')).toBeUndefined();
  });

  it('gives every row with a value a range in its canonical unit, and every panel components that are rows', () => {
    for (const row of allVitalSigns()) {
      if (row.components) {
        for (const component of row.components) expect(vitalSignByMdc(component)).toBeDefined();
      } else {
        expect(row.plausible).toHaveProperty([row.ucum]);
      }
      for (const { low, high } of Object.values(row.plausible)) expect(low).toBeLessThan(high);
    }
  });
});

describe('isPlausible', () => {
  it.each([
    [MDC.heartRate, '/min', '72', true],
    [MDC.heartRate, '/min', '0', false],
    [MDC.heartRate, '/min', '301', false],
    [MDC.systolic, 'kPa', '16', true],
    [MDC.systolic, 'mm[Hg]', '16', false],
    [MDC.temperature, '[degF]', '98.6', true],
    [MDC.temperature, 'Cel', '98.6', false],
    [MDC.oxygenSaturation, '%', '100.0', true],
    [MDC.oxygenSaturation, '%', '100.1', false],
    [MDC.glucose, 'mmol/L', '5.5', true],
    [MDC.glucose, 'g/L', '0.9', false],
    [MDC.heartRate, 'toString', '72', false],
    [1, '/min', '72', false],
  ])('%i in %s: %s is %s', (mdc, unit, value, expected) => {
    expect(isPlausible(mdc, unit, parseDecimal(value))).toBe(expected);
  });

  it('leaves special values to speak for themselves', () => {
    expect(isPlausible(MDC.systolic, 'kPa', 'NaN')).toBe(true);
  });
});
