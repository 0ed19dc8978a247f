/** Entries of the list of who saw what, in the patient's words. Pure. */
import type { Disclosure } from '../shared/answers.ts';
import { countText } from '../shared/words.ts';
import { classesText } from './classes.ts';
import { personText } from './grants.ts';

/** Why a request was refused, from the tokens of the consent decision. */
const REASONS: Readonly<Record<string, string>> = {
  'no-patient': 'there is no such patient',
  'no-grant': 'you have granted nothing of this kind',
  'other-grantee': 'you have granted this to others',
  'other-device': 'your grant is for another device',
  'other-class': 'your grant is for other vital signs',
  'other-purpose': 'your grant is for another purpose',
  'outside-data-period': 'your grant is for readings of another time',
  revoked: 'you have revoked the grant',
  'not-yet': 'the grant does not hold yet',
  expired: 'the grant holds no more',
};

export function reasonText(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('-', ' ');
}

/** True for the patient's own visits. */
export function isOwn({ role }: Disclosure): boolean {
  return role === 'patient';
}

export function whoText({ role, who }: Disclosure): string {
  return role === 'patient' ? 'You' : personText(who);
}

/** What was done, to follow the name: "looked at 3 readings: heart rate and glucose". */
export function actText(entry: Disclosure): string {
  const { classes, reason } = entry;
  const what = classesText(classes);
  if (entry.kind !== 'denied') return deedText(entry) + (what && `: ${what}`);
  const was = isOwn(entry) ? 'were' : 'was';
  return `${was} refused${what && ` ${what}`}${reason === undefined ? '' : `, because ${reasonText(reason)}`}`;
}

function deedText({ kind, count, role }: Disclosure): string {
  const readings = countText(count, 'reading');
  switch (kind) {
    case 'read':
      return `opened ${readings}`;
    case 'search':
      return `searched and saw ${readings}`;
    case 'list':
      return `saw ${role === 'patient' ? 'your' : 'you in the list, with your'} newest values, ${readings}`;
    case 'feed-open':
      return count > 0 ? `watched live, ${readings}` : 'began to watch live';
    case 'feed':
      return count > 0 ? `watched live, ${readings}` : 'watched live';
    case 'feed-close':
      return `stopped watching live, ${readings} since the line before`;
    case 'receipt':
      return `took a receipt of ${readings}`;
    case 'coverage':
      return 'took a certificate of what was covered';
    default:
      return `saw ${readings}`;
  }
}
