/**
 * COSE_Sign1 (RFC 9052 §4.2), untagged, with Ed25519 (RFC 9864: alg -19) and nothing else: the protected header holds
 * the algorithm only and the unprotected header is empty, so that there is exactly one encoding of a signed thing.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { encodeUtf8, equalBytes } from './bytes.ts';
import { decodeCbor, encodeCbor } from './cbor.ts';
import { DOMAINS, type Domain } from './domains.ts';
import { publicKeyOf, signEd25519 } from './ed25519.ts';
import { Fault } from './fault.ts';

/** Signs with one Ed25519 key; the key itself stays inside. */
export interface Signer {
  /** 32 octets, RFC 8032 §5.1.5. */
  readonly publicKey: Uint8Array;
  /** 64 octets, RFC 8032 §5.1.6. */
  sign(message: Uint8Array): Uint8Array;
}

/** A signer from a 32-octet seed. */
export function createSigner(seed: Uint8Array): Signer {
  return { publicKey: publicKeyOf(seed), sign: (message) => signEd25519(seed, message) };
}

/** Strict Ed25519 verification; false for any malformed input. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const ALGORITHM = 1; // RFC 9052 §3.1
const ED25519 = -19; // RFC 9864 §2.2
const PROTECTED = encodeCbor(new Map([[ALGORITHM, ED25519]]));

/** Sig_structure of RFC 9052 §4.4; the domain is the external AAD. */
export function toBeSigned(domain: Domain, payload: Uint8Array): Uint8Array {
  return encodeCbor(['Signature1', PROTECTED, encodeUtf8(DOMAINS[domain]), payload]);
}

/** COSE_Sign1 from a payload and the signature over {@link toBeSigned}. */
export function assembleSigned(payload: Uint8Array, signature: Uint8Array): Uint8Array {
  return encodeCbor([PROTECTED, new Map(), payload, signature]);
}

/** Signs a payload for one domain. */
export function signPayload(domain: Domain, payload: Uint8Array, signer: Signer): Uint8Array {
  return assembleSigned(payload, signer.sign(toBeSigned(domain, payload)));
}

/** The payload and signature of a COSE_Sign1, not yet verified. Throws `malformed` or `not-canonical`. */
export function readSigned(signed: Uint8Array): { payload: Uint8Array; signature: Uint8Array } {
  const parts = decodeCbor(signed);
  if (!Array.isArray(parts) || parts.length !== 4) throw new Fault('malformed', 'not a COSE_Sign1');
  const [header, unprotected, payload, signature] = parts;
  if (!(header instanceof Uint8Array) || !equalBytes(header, PROTECTED)) {
    throw new Fault('malformed', 'protected header is not Ed25519');
  }
  // An attacker could vary it without breaking the signature, and so make one batch look like two.
  if (!(unprotected instanceof Map) || unprotected.size > 0) throw new Fault('malformed', 'unprotected header in use');
  if (!(payload instanceof Uint8Array)) throw new Fault('malformed', 'no payload');
  if (!(signature instanceof Uint8Array) || signature.length !== 64) throw new Fault('malformed', 'no signature');
  return { payload, signature };
}

/** The payload, after its signature held for the domain and key. Throws `bad-signature`. */
export function openSigned(domain: Domain, signed: Uint8Array, publicKey: Uint8Array, verify: Verify): Uint8Array {
  const { payload, signature } = readSigned(signed);
  if (!verify(publicKey, toBeSigned(domain, payload), signature)) {
    throw new Fault('bad-signature', `${domain} signature does not hold`);
  }
  return payload;
}

/** Identity of a signed thing: SHA-256 over domain, protected header and payload, and so not over the signature. */
export function signedId(domain: Domain, payload: Uint8Array): Uint8Array {
  return sha256(encodeCbor([DOMAINS[domain], PROTECTED, payload]));
}
