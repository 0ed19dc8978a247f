/** This browser's own key: Ed25519 in WebCrypto, which signs and cannot be taken out. */
import { encodeBase64Url } from '../../protocol/bytes.ts';

export interface BrowserKey {
  /** 32 octets. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly privateKey: CryptoKey;
}

/** Signs with a key that stays inside; asynchronous, as WebCrypto is. */
export interface BrowserSigner {
  readonly publicKey: Uint8Array;
  /** 64 octets. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** `undefined` where the browser has no Ed25519, or no WebCrypto because the page came without encryption. */
export async function createBrowserKey(): Promise<BrowserKey | undefined> {
  const { subtle } = crypto as Partial<Crypto>;
  if (subtle === undefined) return undefined;
  try {
    const pair = (await subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair;
    return { privateKey: pair.privateKey, publicKey: new Uint8Array(await subtle.exportKey('raw', pair.publicKey)) };
  } catch {
    return undefined;
  }
}

export function signerOf({ publicKey, privateKey }: BrowserKey): BrowserSigner {
  return {
    publicKey,
    sign: async (message) => new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, new Uint8Array(message))),
  };
}

/** True when the key is one of those that may sign, given as base64url. */
export function isAmong(key: Pick<BrowserKey, 'publicKey'>, keys: readonly string[]): boolean {
  return keys.includes(encodeBase64Url(key.publicKey));
}

export interface KeyRequest {
  /** base64url, 32 octets. */
  readonly publicKey: string;
  /** base64url, HMAC-SHA256 of the public key under the link's secret: whoever holds the link asks. */
  readonly proof: string;
}

export async function proveKey(
  publicKey: Uint8Array<ArrayBuffer>,
  secret: Uint8Array<ArrayBuffer>,
): Promise<KeyRequest> {
  const hmac = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  const proof = await crypto.subtle.sign('HMAC', hmac, publicKey);
  return { publicKey: encodeBase64Url(publicKey), proof: encodeBase64Url(new Uint8Array(proof)) };
}
