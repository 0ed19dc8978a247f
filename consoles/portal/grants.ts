/** Grants as the patient reads them. Pure. */
import type { Instant } from '../../protocol/time.ts';
import type { Device, Grant, Person } from '../shared/answers.ts';
import { listText } from '../shared/words.ts';
import { classesText } from './classes.ts';

const PURPOSES: Readonly<Record<string, string>> = {
  TREAT: 'treatment',
  ETREAT: 'emergency treatment',
  HRESCH: 'research',
  HPAYMT: 'payment',
  PUBHLTH: 'public health',
  PATRQT: 'your own request',
};

/** HL7 v3 PurposeOfUse codes in words. */
export function purposesText(codes: readonly string[]): string {
  return listText(codes.map((code) => PURPOSES[code] ?? code));
}

/** Name of a person, or the id where no name is known. */
export function personText({ id, name }: Person): string {
  return name ?? id;
}

export function deviceText(id: string, devices: readonly Device[]): string {
  const device = devices.find((known) => known.id === id);
  return device?.name ?? device?.model ?? `device ${id.slice(0, 8)}`;
}

/** "Veravita may collect heart rate from your Pulse Strap". */
export function collectText({ classes, device }: Grant, devices: readonly Device[]): string {
  const from = device === undefined ? 'any of your devices' : deviceText(device, devices);
  return `Veravita may collect ${classesText(classes)} from ${from}`;
}

/** True until it is revoked or its time is over. */
export function isStanding({ revokedAt, to }: Grant, now: Instant): boolean {
  return revokedAt === undefined && (to === undefined || now < Date.parse(to));
}

/** What revoking means, asked before it is done. */
export function revokeQuestion(
  grant: Grant,
  devices: readonly Device[],
): { readonly title: string; readonly body: string } {
  const what = classesText(grant.classes);
  if (grant.action === 'collect') {
    const from = grant.device === undefined ? 'any of your devices' : deviceText(grant.device, devices);
    return {
      title: 'Stop collecting?',
      body: `Veravita will keep nothing more of ${what} from ${from}. What is already in your record stays there.`,
    };
  }
  const who = personText(grant.grantee ?? { id: 'This person' });
  return {
    title: `Stop sharing with ${who}?`,
    body: `${who} will no longer see your ${what}, neither what comes nor what was, from the moment you confirm. What was already seen cannot be unseen.`,
  };
}
