import { describe, expect, it } from 'vitest';
import { type BrowserSigner, createBrowserKey, signerOf } from '../../../consoles/portal/browser-key.ts';
import { changeConsent, followConsent, signChange } from '../../../consoles/portal/consent-change.ts';
import type { Consent } from '../../../consoles/shared/answers.ts';
import { ApiError } from '../../../consoles/shared/api.ts';
import { encodeBase64Url } from '../../../protocol/bytes.ts';
import { appendEvent, type ConsentState, formatGrantId, nextLink, openChain } from '../../../protocol/consent-chain.ts';
import { type ConsentEvent, signConsentEvent } from '../../../protocol/consent-event.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../../protocol/ed25519.ts';
import { isFault } from '../../../protocol/fault.ts';
import { thumbprint } from '../../../protocol/keys.ts';

const seed = new Uint8Array(32).fill(1);
const first = { publicKey: publicKeyOf(seed), sign: (message: Uint8Array) => signEd25519(seed, message) };
const subject = thumbprint(first.publicKey);
const grant = new Uint8Array(16).fill(9);
const revoke = { type: 'revoke', grant } as const;
const now = () => 1_800_000_000_000;

type Body = ConsentEvent extends infer E
  ? E extends ConsentEvent
    ? Omit<E, keyof ReturnType<typeof link>>
    : never
  : never;
const link = (state: ConsentState) => ({ ...nextLink(state), at: 0, key: subject });

/** A service with one grant and the browser's key in force, that keeps the chain as the real one does. */
async function openService() {
  const key = (await createBrowserKey())!;
  let state = openChain(subject, first.publicKey);
  const events: Uint8Array[] = [];
  let before = () => {};
  const take = (signed: Uint8Array) => {
    state = appendEvent(state, signed, verifyEd25519);
    events.push(signed);
  };
  const add = (body: Body) => take(signConsentEvent({ ...link(state), ...body } as ConsentEvent, first));
  const period = { from: 0 };
  add({
    type: 'grant',
    grant,
    terms: { action: 'disclose', grantee: 'staff/1', classes: ['*'], purposes: ['TREAT'], period },
  });
  add({ type: 'key-add', publicKey: key.publicKey });
  return {
    key,
    signer: signerOf(key) as BrowserSigner,
    add,
    state: () => state,
    setBefore: (run: () => void) => {
      before = run;
    },
    consent: async (): Promise<Consent> => ({
      subject: encodeBase64Url(subject),
      publicKey: encodeBase64Url(first.publicKey),
      seq: state.seq,
      head: encodeBase64Url(state.head),
      keys: [],
      grants: [],
      events: events.map(encodeBase64Url),
      staff: [],
    }),
    append: async (signed: Uint8Array) => {
      before();
      try {
        take(signed);
      } catch (error) {
        throw new ApiError(isFault(error, 'bad-chain') ? 409 : 400);
      }
    },
  };
}

const revokedAt = (state: ConsentState) => state.grants.find(({ id }) => id === formatGrantId(grant))!.revokedAt;

describe('signing in the browser', () => {
  it('makes a key that cannot be taken out', async () => {
    const { key } = await openService();
    expect(key.publicKey).toHaveLength(32);
    expect(key.privateKey.extractable).toBe(false);
    await expect(crypto.subtle.exportKey('pkcs8', key.privateKey)).rejects.toThrow();
  });

  it('revokes with an event that the chain takes', async () => {
    const service = await openService();
    const signed = await signChange(service.state(), revoke, service.signer, now());
    expect(revokedAt(appendEvent(service.state(), signed, verifyEd25519))).toBe(now());
  });

  it('grants with an event that the chain takes', async () => {
    const service = await openService();
    const terms = {
      action: 'disclose',
      grantee: 'staff/2',
      classes: ['heart-rate', 'blood-pressure'],
      purposes: ['TREAT'],
      period: { from: now() },
    } as const;
    const other = new Uint8Array(16).fill(7);
    await changeConsent(service, { type: 'grant', grant: other, terms }, service.signer, now);
    expect(service.state().grants.at(-1)?.terms).toMatchObject({ grantee: 'staff/2', purposes: ['TREAT'] });
  });

  it('tries once more when another event came in between', async () => {
    const service = await openService();
    let attempts = 0;
    service.setBefore(() => {
      if (attempts++ === 0) service.add({ type: 'key-revoke', revoked: new Uint8Array(thumbprint(extra.publicKey)) });
    });
    const extra = { publicKey: publicKeyOf(new Uint8Array(32).fill(2)) };
    service.add({ type: 'key-add', publicKey: extra.publicKey });
    await changeConsent(service, revoke, service.signer, now);
    expect(attempts).toBe(2);
    expect(revokedAt(service.state())).toBe(now());
  });

  it('takes what is done already for done', async () => {
    const service = await openService();
    service.add(revoke);
    const { seq } = service.state();
    await changeConsent(service, revoke, service.signer, now);
    expect(service.state().seq).toBe(seq);
  });

  it('signs nothing when its key may not sign', async () => {
    const service = await openService();
    const stranger = signerOf((await createBrowserKey())!);
    await expect(changeConsent(service, revoke, stranger, now)).rejects.toMatchObject({ code: 'bad-chain' });
  });

  it('signs nothing on a chain that the service cut, forged or told wrongly', async () => {
    const service = await openService();
    const consent = await service.consent();
    expect(followConsent(consent).seq).toBe(2);
    expect(() => followConsent({ ...consent, events: consent.events.slice(0, 1) })).toThrow(/do not lead/);
    expect(() => followConsent({ ...consent, events: consent.events.slice(1) })).toThrow(/out of sequence/);
    expect(() => followConsent({ ...consent, head: encodeBase64Url(new Uint8Array(32)) })).toThrow(/do not lead/);
  });
});
