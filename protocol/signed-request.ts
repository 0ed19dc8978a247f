/**
 * An HTTP request by the holder of a patient's key, without a session: `Authorization: Veravita <base64url COSE_Sign1>`.
 * What is signed names the method, the path with its query and the body, so that it serves for nothing else.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { decodeBase64Url, encodeBase64Url, equalBytes } from './bytes.ts';
import { CborFields, decodeCbor, encodeCbor } from './cbor.ts';
import { readSigned, type Signer, signPayload, toBeSigned, type Verify } from './cose.ts';
import { Fault } from './fault.ts';
import type { Instant } from './time.ts';

/** How far the signer's clock may be from the receiver's, either way. */
export const REQUEST_WINDOW_MS = 60_000;

/** Authentication scheme (RFC 9110 §11.1). */
export const REQUEST_SCHEME = 'Veravita';

/** Longest header that is read. A path of the service is far shorter. */
const MAX_HEADER = 8192;

/** The request as it travels. */
export interface RequestTarget {
  /** Upper case. */
  readonly method: string;
  /** Path and query exactly as in the request line, such as `/consent/events?from=3`. */
  readonly path: string;
  /** Absent or empty when there is none. */
  readonly body?: Uint8Array;
}

/** Who asks, after all has been checked but the nonce. */
export interface OpenedRequest {
  /** 32 octets. Whether it is a patient's active key is the caller's to look up. */
  readonly publicKey: Uint8Array;
  readonly at: Instant;
  /** 16 octets; the caller refuses one that was used before, whatever became of its clock since. */
  readonly nonce: Uint8Array;
}

/** Value of the `Authorization` header. `nonce`: random, 16 octets, used once. */
export function signRequest(target: RequestTarget, at: Instant, nonce: Uint8Array, signer: Signer): string {
  const payload = encodeCbor(
    new Map<number, string | number | Uint8Array>([
      [0, target.method],
      [1, target.path],
      [2, at],
      [3, nonce],
      [4, hashBody(target)],
      [5, signer.publicKey],
    ]),
  );
  return `${REQUEST_SCHEME} ${encodeBase64Url(signPayload('request', payload, signer))}`;
}

/**
 * Checks an `Authorization` header against the request that it came with. Throws `malformed`, `not-canonical`, `too-large`,
 * `bad-signature`, `not-permitted` (signed for another request) or `expired` (too old, or from the future).
 */
export function openRequest(authorization: string, target: RequestTarget, now: Instant, verify: Verify): OpenedRequest {
  if (authorization.length > MAX_HEADER) throw new Fault('too-large', 'authorization too long');
  const credentials = /^Veravita ([A-Za-z0-9_-]+)$/i.exec(authorization)?.[1];
  if (credentials === undefined) throw new Fault('malformed', 'not a signed request');
  const { payload, signature } = readSigned(decodeBase64Url(credentials));
  const fields = new CborFields(decodeCbor(payload));
  const method = fields.text(0);
  const path = fields.text(1);
  const opened = { at: fields.int(2), nonce: fields.bytes(3, 16), publicKey: fields.bytes(5, 32) };
  const body = fields.bytes(4, 32);
  fields.end();
  if (!verify(opened.publicKey, toBeSigned('request', payload), signature)) {
    throw new Fault('bad-signature', 'request signature does not hold');
  }
  if (method !== target.method || path !== target.path || !equalBytes(body, hashBody(target))) {
    throw new Fault('not-permitted', 'signed for another request');
  }
  if (Math.abs(now - opened.at) > REQUEST_WINDOW_MS)
    throw new Fault('expired', 'signed too long ago, or clocks differ');
  return opened;
}

function hashBody({ body }: RequestTarget): Uint8Array {
  return sha256(body ?? new Uint8Array(0));
}
