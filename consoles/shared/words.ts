/** Lists, values, units and flags in words for people. */

import { QUALITY_FLAGS } from '../../protocol/gatt/quality.ts';

/** "a", "a and b", "a, b and c". */
export function listText(items: readonly string[]): string {
  if (items.length < 2) return items.join('');
  return `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}

/** "1 reading", "12 readings". */
export function countText(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;
}

const UNITS: Readonly<Record<string, string>> = {
  'mm[Hg]': 'mmHg',
  Cel: '°C',
  '[degF]': '°F',
  '[lb_av]': 'lb',
  '[in_i]': 'in',
  'kg/m2': 'kg/m²',
};

/** A UCUM unit as people write it. */
export function unitText(unit: string): string {
  return UNITS[unit] ?? unit;
}

const SPECIALS: Readonly<Record<string, string>> = {
  NaN: 'no measurement',
  NRes: 'not at this resolution',
  '+INF': 'above range',
  '-INF': 'below range',
  RFU: 'no measurement',
};

/** A value for show; `special` when there is no number, so that no unit belongs after it. */
export function valueText(value: string): { readonly text: string; readonly special: boolean } {
  const parts = value.split('/');
  const special = parts.find((part) => Object.hasOwn(SPECIALS, part));
  if (value === '') return { text: 'no measurement', special: true };
  if (special === undefined) return { text: parts.map(shortened).join('/'), special: false };
  if (parts.every((part) => Object.hasOwn(SPECIALS, part))) return { text: SPECIALS[special]!, special: true };
  return {
    text: parts.map((part) => (Object.hasOwn(SPECIALS, part) ? '–' : shortened(part))).join('/'),
    special: false,
  };
}

/** More decimals than anybody reads come of steps such as 1/256 m/s. */
function shortened(number: string): string {
  return /\.\d{4,}$/.test(number) ? Number(number).toFixed(2) : number;
}

/** What a quality flag tells the reader of a value. */
export function flagText(flag: string): string {
  if (flag === 'implausible') return 'hardly possible, suspect the sensor';
  return (QUALITY_FLAGS as Readonly<Record<string, string>>)[flag] ?? flag.replaceAll('-', ' ');
}

const CORRECTION_REASONS: Readonly<Record<string, string>> = {
  'device-clock': 'its clock was wrong',
  'wrong-patient': 'somebody else was measured',
  'device-fault': 'the device measured wrongly',
  handling: 'it was not used as it must be',
  'other-method': 'a better measurement gave this value',
};

/** Why a value is not what the sensor said. */
export function correctedText({ by, reason }: { readonly by: string; readonly reason: string }): string {
  const why = Object.hasOwn(CORRECTION_REASONS, reason) ? `: ${CORRECTION_REASONS[reason]}` : '';
  return `corrected by the ${by === 'agent' ? 'gateway' : by}${why}`;
}
