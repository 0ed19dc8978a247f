/** {@link openSigner} in the browser. */
import { useEffect, useState } from 'preact/hooks';
import type { Consent } from '../shared/answers.ts';
import { getJson, postJson } from '../shared/api.ts';
import { createBrowserKey, proveKey } from './browser-key.ts';
import { keepKey, loadKey } from './key-store.ts';
import { currentSigner, openSigner, type SignerState } from './open-signer.ts';

const POLL_MS = 1000;

export function useSigner(
  consent: Consent | undefined,
  secret: Uint8Array<ArrayBuffer> | undefined,
  reload: () => Promise<void>,
): SignerState {
  const [state, setState] = useState<SignerState>({ phase: 'checking' });
  const subject = consent?.subject;
  // Once for each patient, with consent as it was then.
  useEffect(() => {
    if (!consent) return;
    void openSigner(consent, secret !== undefined, {
      load: loadKey,
      keep: keepKey,
      create: createBrowserKey,
      prove: ({ publicKey }) => proveKey(publicKey, secret!),
      request: (request) => postJson('/api/patient/key-requests', request),
      keys: async () => (await getJson<Consent>('/api/patient/consent')).keys,
      pause: () => new Promise((resolve) => setTimeout(resolve, POLL_MS)),
      show: (next) => {
        // Consent names the new key first and the state second, or the page would take the key for one taken out.
        if (next.phase === 'ready') void reload().then(() => setState(next));
        else setState(next);
      },
    });
  }, [subject]);
  return consent ? currentSigner(state, consent.keys) : state;
}
