/** Consent to collect everything from one device, signed here unless a grant says so already. */
import { useState } from 'preact/hooks';
import { decodeHex } from '../../protocol/bytes.ts';
import { ALL_CLASSES, type CollectTerms } from '../../protocol/consent-event.ts';
import type { Grant } from '../shared/answers.ts';
import { serviceNow } from '../shared/service-clock.ts';
import type { SignerState } from './open-signer.ts';
import { isCollectCovered } from './pairing.ts';
import { type Change, useChange } from './use-change.ts';

export interface CollectConsent extends Omit<Change, 'make'> {
  /** A grant in force covers the device. */
  readonly covered: boolean;
  /** It is covered, or this browser may sign. */
  readonly ready: boolean;
  /** True when the device is covered now. */
  ensure(): Promise<boolean>;
}

/** `device`: handle, hex. */
export function useCollectConsent(
  device: string,
  grants: readonly Grant[],
  signer: SignerState,
  reload: () => Promise<void>,
): CollectConsent {
  // The id stays the same until it worked, so that trying again cannot grant twice.
  const [grant] = useState(() => crypto.getRandomValues(new Uint8Array(16)));
  const { make, ...change } = useChange(signer.key, reload);
  const covered = isCollectCovered(grants, device, serviceNow());

  async function ensure(): Promise<boolean> {
    if (covered) return true;
    const period = { from: serviceNow() };
    const terms: CollectTerms = { action: 'collect', classes: [ALL_CLASSES], device: decodeHex(device), period };
    return make({ type: 'grant', grant, terms });
  }

  return { ...change, covered, ready: covered || signer.phase === 'ready', ensure };
}
