import { describe, expect, it } from 'vitest';
import { ageText, durationText, instantText } from '../../../consoles/shared/ages.ts';
import { clockCorrection } from '../../../consoles/shared/service-clock.ts';

const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('ageText', () => {
  it.each([
    [0, 'just now'],
    [1999, 'just now'],
    [2000, '2 s ago'],
    [12_700, '12 s ago'],
    [MINUTE - 1, '59 s ago'],
    [MINUTE, '1 min ago'],
    [HOUR, '1 h ago'],
    [47 * HOUR, '47 h ago'],
    [2 * DAY, '2 days ago'],
    [800 * DAY, '2 years ago'],
  ])('%i ms: %s', (ms, text) => {
    expect(ageText(NOW - ms, NOW)).toBe(text);
  });

  it('forgives a clock that is a little ahead and tells of one that is far ahead', () => {
    expect(ageText(NOW + 30_000, NOW)).toBe('just now');
    expect(ageText(NOW + 2 * HOUR, NOW)).toBe('dated 2 h ahead');
  });

  it('rounds down', () => {
    expect(durationText(119_999)).toBe('1 min');
  });
});

describe('instantText', () => {
  const place = { locale: 'en-GB', timeZone: 'Europe/Oslo' };

  it('names the day only when it is another', () => {
    expect(instantText(NOW - HOUR, NOW, place)).toBe('today, 12:00');
    expect(instantText(NOW - DAY, NOW, place)).toBe('14 Jan 2026, 13:00');
  });

  it('goes by the day of the reader', () => {
    const lateInOslo = Date.UTC(2026, 0, 14, 23, 30);
    expect(instantText(lateInOslo, NOW, place)).toBe('today, 00:30');
  });
});

describe('clockCorrection', () => {
  const date = new Date(NOW).toUTCString();

  it('leaves a clock alone that is right to some seconds', () => {
    expect(clockCorrection(date, NOW + 2500)).toBe(0);
    expect(clockCorrection(null, NOW)).toBe(0);
    expect(clockCorrection('nonsense', NOW)).toBe(0);
  });

  it('mends one that is wrong', () => {
    expect(clockCorrection(date, NOW - HOUR)).toBe(HOUR);
  });
});
