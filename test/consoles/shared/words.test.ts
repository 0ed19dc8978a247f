import { describe, expect, it } from 'vitest';
import { countText, flagText, listText, unitText, valueText } from '../../../consoles/shared/words.ts';

describe('words', () => {
  it('lists and counts', () => {
    expect(listText([])).toBe('');
    expect(listText(['a'])).toBe('a');
    expect(listText(['a', 'b'])).toBe('a and b');
    expect(listText(['a', 'b', 'c'])).toBe('a, b and c');
    expect(countText(1, 'reading')).toBe('1 reading');
    expect(countText(14_282, 'reading')).toBe('14,282 readings');
    expect(countText(2, 'entry', 'entries')).toBe('2 entries');
  });

  it('writes units as people do', () => {
    expect(['mm[Hg]', 'Cel', '[degF]', '/min', 'mg/dL'].map(unitText)).toEqual(['mmHg', '°C', '°F', '/min', 'mg/dL']);
    expect(['[lb_av]', '[in_i]', 'kg/m2', 'kg'].map(unitText)).toEqual(['lb', 'in', 'kg/m²', 'kg']);
  });

  it('never shows a special value as a number', () => {
    expect(valueText('36.80')).toEqual({ text: '36.80', special: false });
    expect(valueText('2.69921875')).toEqual({ text: '2.70', special: false });
    expect(valueText('118/76')).toEqual({ text: '118/76', special: false });
    expect(valueText('NaN')).toEqual({ text: 'no measurement', special: true });
    expect(valueText('NaN/NaN')).toEqual({ text: 'no measurement', special: true });
    expect(valueText('118/NaN')).toEqual({ text: '118/–', special: false });
    expect(valueText('+INF')).toEqual({ text: 'above range', special: true });
    expect(valueText('')).toEqual({ text: 'no measurement', special: true });
  });

  it('explains flags, unknown ones too', () => {
    expect(flagText('no-contact')).toBe('sensor did not touch the skin');
    expect(flagText('some-new-flag')).toBe('some new flag');
  });
});
