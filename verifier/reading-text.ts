/** A reading in words, as a receipt claims it; shared by the terminal and the page. Pure. */
import { decimalToString, isDecimal, type SensorValue } from '../protocol/decimal.ts';
import type { ReadingLeaf } from '../protocol/leaf.ts';
import { formatInstant, type Instant } from '../protocol/time.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';

/** What a vital sign is called. */
export function titleOf(mdc: number): string {
  return vitalSignByMdc(mdc)?.title ?? `Vital sign with MDC code ${mdc}`;
}

/** Value or parts with their unit. */
export function valuesOf({ value, components, unit }: ReadingLeaf): string {
  if (value !== undefined) return withUnit(value, unit);
  return (components ?? []).map((part) => `${titleOf(part.vital)} ${withUnit(part.value, unit)}`).join(', ');
}

function withUnit(value: SensorValue, unit: string): string {
  return isDecimal(value) ? `${decimalToString(value)} ${printable(unit)}` : `no number (${value})`;
}

const FIRST_INSTANT = -62_135_596_800_000; // 0001-01-01T00:00:00Z
const LAST_INSTANT = 253_402_300_799_999; // 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write

/** Date, time and zone. */
export function showInstant(instant: Instant, zoneMin: number): string {
  const local = instant + zoneMin * 60_000;
  if (local < FIRST_INSTANT || local > LAST_INSTANT) return 'at a time outside the calendar';
  return formatInstant(instant, zoneMin);
}

/** Controls, direction overrides and separators that could rewrite what a terminal shows. */
export const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const LONGEST = 200;

/** Text from outside, fit for a terminal: nothing in it acts, and it is not endless. */
export function printable(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
  return short.replace(UNSAFE, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
