import { describe, expect, it } from 'vitest';
import { decodeBase64Url, encodeBase64Url, encodeUtf8 } from '../../protocol/bytes.ts';
import { publicKeyOf, signEd25519, verifyEd25519 } from '../../protocol/ed25519.ts';
import { isFault } from '../../protocol/fault.ts';
import { openRequest, REQUEST_WINDOW_MS, type RequestTarget, signRequest } from '../../protocol/signed-request.ts';

const seed = new Uint8Array(32).fill(6);
const publicKey = publicKeyOf(seed);
const signer = { publicKey, sign: (message: Uint8Array) => signEd25519(seed, message) };
const nonce = new Uint8Array(16).fill(9);
const now = 1_700_000_000_000;
const target: RequestTarget = { method: 'POST', path: '/consent/events?from=1', body: encodeUtf8('{}') };
const header = signRequest(target, now, nonce, signer);

function outcome(authorization: string, changes: Partial<RequestTarget> = {}, at = now): string {
  try {
    openRequest(authorization, { ...target, ...changes }, at, verifyEd25519);
    return 'opened';
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
}

describe('signed request', () => {
  it('opens with who asked', () => {
    expect(openRequest(header, target, now, verifyEd25519)).toEqual({ publicKey, nonce, at: now });
  });

  it('takes no body and an empty one as the same', () => {
    const get = { method: 'GET', path: '/fhir/R4/Patient/a' };
    const signed = signRequest(get, now, nonce, signer);
    expect(openRequest(signed, { ...get, body: new Uint8Array() }, now, verifyEd25519).nonce).toEqual(nonce);
  });

  it('serves for no other request', () => {
    expect(outcome(header, { method: 'PUT' })).toBe('not-permitted');
    expect(outcome(header, { path: '/consent/events' })).toBe('not-permitted');
    expect(outcome(header, { body: encodeUtf8('{ }') })).toBe('not-permitted');
  });

  it('holds for its window and no longer, either way', () => {
    expect(outcome(header, {}, now + REQUEST_WINDOW_MS)).toBe('opened');
    expect(outcome(header, {}, now - REQUEST_WINDOW_MS)).toBe('opened');
    expect(outcome(header, {}, now + REQUEST_WINDOW_MS + 1)).toBe('expired');
    expect(outcome(header, {}, now - REQUEST_WINDOW_MS - 1)).toBe('expired');
  });

  it('refuses any octet changed', () => {
    const [scheme, credentials] = header.split(' ') as [string, string];
    const bytes = decodeBase64Url(credentials);
    for (let i = 0; i < bytes.length; i++) {
      const altered = bytes.slice();
      altered[i]! ^= 1;
      expect(outcome(`${scheme} ${encodeBase64Url(altered)}`)).toMatch(/^(malformed|not-canonical|bad-signature)$/);
    }
  });

  it('refuses what is no signed request', () => {
    for (const text of ['', 'Veravita', 'Veravita ', `Bearer ${header.slice(9)}`, `${header}=`, `${header} x`]) {
      expect(outcome(text)).toBe('malformed');
    }
    expect(outcome(`Veravita ${'A'.repeat(9000)}`)).toBe('too-large');
  });
});
