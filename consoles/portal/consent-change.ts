/**
 * Changes of consent, signed here. The chain is followed from the patient's first key before anything is signed, so that
 * this browser never puts its name to a chain that does not hold.
 */
import { decodeBase64Url, encodeBase32, encodeBase64Url, equalBytes } from '../../protocol/bytes.ts';
import { appendEvent, type ConsentState, foldEvents, nextLink } from '../../protocol/consent-chain.ts';
import {
  type ConsentEvent,
  type EraseEvent,
  encodeConsentEvent,
  type GrantEvent,
  type RevokeEvent,
} from '../../protocol/consent-event.ts';
import { assembleSigned, toBeSigned } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { Fault } from '../../protocol/fault.ts';
import { thumbprint } from '../../protocol/keys.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Consent } from '../shared/answers.ts';
import { ApiError } from '../shared/api.ts';
import type { BrowserSigner } from './browser-key.ts';

export type ConsentChange = Pick<RevokeEvent, 'type' | 'grant'> | Pick<GrantEvent, 'type' | 'grant' | 'terms'>;

export interface ConsentService {
  consent(): Promise<Consent>;
  /** Throws {@link ApiError}. */
  append(signed: Uint8Array): Promise<void>;
}

/** Consent as its events say. Throws when they do not hold, or are not what the service says they are. */
export function followConsent({ subject, publicKey, events, seq, head }: Consent): ConsentState {
  const chain = foldEvents(
    decodeBase64Url(subject),
    decodeBase64Url(publicKey),
    events.map(decodeBase64Url),
    verifyEd25519,
  );
  if (chain.seq !== seq || !equalBytes(chain.head, decodeBase64Url(head))) {
    throw new Fault('bad-chain', 'the events do not lead to the head that was told');
  }
  return chain;
}

/** The signed event that makes the change. Throws `bad-chain` when it may not follow. */
export async function signChange(
  chain: ConsentState,
  change: ConsentChange | Pick<EraseEvent, 'type'>,
  signer: BrowserSigner,
  at: Instant,
): Promise<Uint8Array> {
  const event: ConsentEvent = { ...nextLink(chain), at, key: thumbprint(signer.publicKey), ...change };
  const payload = encodeConsentEvent(event);
  const signed = assembleSigned(payload, await signer.sign(toBeSigned('consent', payload)));
  appendEvent(chain, signed, verifyEd25519);
  return signed;
}

/**
 * Makes the change, once more when another event came in between. Doing what is already done is no error, so that an
 * answer that got lost can be followed by another try with the same grant id.
 */
export async function changeConsent(
  service: ConsentService,
  change: ConsentChange,
  signer: BrowserSigner,
  now: () => Instant,
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const chain = followConsent(await service.consent());
    if (isDone(chain, change)) return;
    try {
      return await service.append(await signChange(chain, change, signer, now()));
    } catch (error) {
      const conflict = error instanceof ApiError && (error.status === 409 || error.status === 400);
      if (!conflict || attempt === 2) throw error;
    }
  }
}

function isDone({ grants }: ConsentState, { type, grant }: ConsentChange): boolean {
  const known = grants.find(({ id }) => id === encodeBase32(grant));
  return known !== undefined && (type === 'grant' || known.revokedAt !== undefined);
}

/** JSON of an event for the service. */
export function eventBody(signed: Uint8Array): { readonly event: string } {
  return { event: encodeBase64Url(signed) };
}
