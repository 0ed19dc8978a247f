/** Who asks for readings, and how that is said to the consent decision and in the patient's list. */
import type { Instant } from '../protocol/time.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import type { DiscloseRequest } from './consent/decide.ts';

/** Who asks. A practitioner asks for treatment; other purposes come with other roles. */
export type Identity =
  | { readonly role: 'patient'; readonly patient: string }
  | { readonly role: 'practitioner'; readonly id: string; readonly purpose: string };

/** Class of a vital sign as grants name it. */
export function classOf(vital: number): string {
  return vitalSignByMdc(vital)?.name ?? String(vital);
}

/** A practitioner's request to see a vital sign, whenever it was measured. */
export function asDisclosure(
  who: Extract<Identity, { role: 'practitioner' }>,
  vital: number,
  at: Instant,
): Omit<DiscloseRequest, 'measuredAt'> {
  const vitalClass = vitalSignByMdc(vital)?.name;
  return { action: 'disclose', grantees: [who.id], purpose: who.purpose, vitalClass, at };
}

/** The requester as a disclosure names them. */
export function asRequester(who: Identity): { who: string; role: string; purpose: string } {
  return who.role === 'patient'
    ? { who: 'patient', role: 'patient', purpose: 'PATRQT' }
    : { who: who.id, role: 'practitioner', purpose: who.purpose };
}
