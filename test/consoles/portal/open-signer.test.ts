import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BrowserKey, createBrowserKey, proveKey } from '../../../consoles/portal/browser-key.ts';
import { secretOf } from '../../../consoles/portal/link-secret.ts';
import { currentSigner, openSigner, POLLS, type SignerState } from '../../../consoles/portal/open-signer.ts';
import type { Consent } from '../../../consoles/shared/answers.ts';
import { encodeBase64Url } from '../../../protocol/bytes.ts';

const SECRET = new Uint8Array(32).fill(5);

/** A browser that keeps `kept`, and a keyring that answers after `pollsUntilAdded` polls. */
async function open(options: {
  kept?: BrowserKey;
  keys?: string[];
  mayAsk: boolean;
  pollsUntilAdded?: number;
  fails?: boolean;
}) {
  const states: SignerState[] = [];
  const requests: { publicKey: string; proof: string }[] = [];
  let stored = options.kept;
  let polls = 0;
  await openSigner({ subject: 's', keys: options.keys ?? [] } as unknown as Consent, options.mayAsk, {
    load: async () => stored,
    keep: async (_subject, key) => {
      stored = key;
    },
    create: createBrowserKey,
    prove: ({ publicKey }) => proveKey(publicKey, SECRET),
    request: async (request) => {
      if (options.fails) throw new Error('no answer');
      requests.push(request);
    },
    keys: async () => (++polls > (options.pollsUntilAdded ?? Number.POSITIVE_INFINITY) ? [requests[0]!.publicKey] : []),
    pause: async () => {},
    show: (state) => states.push(state),
  });
  return { phases: states.map(({ phase }) => phase), last: states.at(-1)!, requests, polls, stored };
}

describe('openSigner', () => {
  it('needs no request when the kept key may sign', async () => {
    const kept = (await createBrowserKey())!;
    const { phases, requests } = await open({ kept, keys: [encodeBase64Url(kept.publicKey)], mayAsk: true });
    expect(phases).toEqual(['ready']);
    expect(requests).toEqual([]);
  });

  it('asks with a proof that only the holder of the link can make, keeps the key, and waits', async () => {
    const { phases, requests, stored } = await open({ mayAsk: true, pollsUntilAdded: 3 });
    expect(phases).toEqual(['waiting', 'ready']);
    const proof = createHmac('sha256', SECRET).update(stored!.publicKey).digest('base64url');
    expect(requests).toEqual([{ publicKey: encodeBase64Url(stored!.publicKey), proof }]);
  });

  it('gives up after a while, and when nobody takes the request', async () => {
    const unanswered = await open({ mayAsk: true });
    expect(unanswered.phases).toEqual(['waiting', 'unanswered']);
    expect(unanswered.polls).toBe(POLLS);
    expect((await open({ mayAsk: true, fails: true })).phases).toEqual(['waiting', 'unanswered']);
  });

  it('cannot ask without a link', async () => {
    expect((await open({ mayAsk: false })).phases).toEqual(['absent']);
  });

  it('makes a new key when the kept one was taken out', async () => {
    const kept = (await createBrowserKey())!;
    const { stored } = await open({ kept, mayAsk: true, pollsUntilAdded: 0 });
    expect(stored!.publicKey).not.toEqual(kept.publicKey);
  });
});

describe('currentSigner', () => {
  it('follows consent: a late answer counts, and so does a key taken out', async () => {
    const key = (await createBrowserKey())!;
    const keys = [encodeBase64Url(key.publicKey)];
    expect(currentSigner({ phase: 'unanswered', key }, keys).phase).toBe('ready');
    expect(currentSigner({ phase: 'ready', key }, []).phase).toBe('absent');
    expect(currentSigner({ phase: 'waiting', key }, []).phase).toBe('waiting');
    expect(currentSigner({ phase: 'absent' }, keys).phase).toBe('absent');
  });
});

describe('secretOf', () => {
  it('takes 32 octets in base64url and nothing else', () => {
    const text = encodeBase64Url(SECRET);
    expect(secretOf(`#s=${text}`)).toEqual(SECRET);
    for (const bad of ['', '#', `#s=${text.slice(1)}`, `#s=${text}A`, `#t=${text}`, `#s=${'_'.repeat(43)}`]) {
      expect(secretOf(bad)).toBeUndefined();
    }
  });
});
