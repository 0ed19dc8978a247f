/** Erases the patient's record, by an event that is signed here; and waits for the certificate of it. */
import type { EraseEvent } from '../../protocol/consent-event.ts';
import type { Consent } from '../shared/answers.ts';
import { ApiError, getJson, postForJson } from '../shared/api.ts';
import { serviceNow } from '../shared/service-clock.ts';
import type { BrowserSigner } from './browser-key.ts';
import { eventBody, followConsent, signChange } from './consent-change.ts';

const ERASE: Pick<EraseEvent, 'type'> = { type: 'erase' };

/** The word that has to be typed, so that no slip of the hand does it. */
export const ERASE_WORD = 'ERASE';

/** The erasure's id: it is told once, and leads to the certificate. Throws {@link ApiError}, or what the chain throws. */
export async function eraseRecord(signer: BrowserSigner): Promise<string> {
  const chain = followConsent(await getJson<Consent>('/api/patient/consent'));
  const signed = await signChange(chain, ERASE, signer, serviceNow());
  const { erasure } = await postForJson<{ erasure: string }>('/api/consent/events', eventBody(signed));
  return erasure;
}

export function certificatePath(erasure: string): string {
  return `/api/erasures/${encodeURIComponent(erasure)}`;
}

/** True once the certificate can be had; false while everything is still looked through, or it waits for the log. */
export async function isCertified(erasure: string): Promise<boolean> {
  try {
    await getJson(certificatePath(erasure));
    return true;
  } catch (error) {
    if (error instanceof ApiError) return false;
    throw error;
  }
}
