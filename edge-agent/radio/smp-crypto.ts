/**
 * The functions of LE legacy pairing and of private addresses (Core 5.2 Vol 3 Part H §2.2). As everything that travels
 * over SMP, all values are least significant octet first.
 */
import { createCipheriv } from 'node:crypto';

/** An address as it travels, and whether it is a random one. */
export interface SmpAddress {
  readonly octets: Buffer;
  readonly random: boolean;
}

/** e (§2.2.1): AES-128 of one block. */
function e(key: Uint8Array, block: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-128-ecb', Buffer.from(key).reverse(), null).setAutoPadding(false);
  return cipher.update(Buffer.from(block).reverse()).reverse();
}

/** c1 (§2.2.3), the confirm value of a random number. `request` and `response` are the whole pairing PDUs. */
export function c1(
  temporaryKey: Uint8Array,
  random: Uint8Array,
  request: Uint8Array,
  response: Uint8Array,
  initiator: SmpAddress,
  responder: SmpAddress,
): Buffer {
  const p1 = Buffer.concat([Uint8Array.of(Number(initiator.random), Number(responder.random)), request, response]);
  const p2 = Buffer.concat([responder.octets, initiator.octets, new Uint8Array(4)]);
  return e(temporaryKey, xor(e(temporaryKey, xor(random, p1)), p2));
}

/** s1 (§2.2.4): the short-term key, of `size` octets (§2.3.4: the most significant of a shorter one are zero). */
export function s1(
  temporaryKey: Uint8Array,
  responderRandom: Uint8Array,
  initiatorRandom: Uint8Array,
  size = 16,
): Buffer {
  const halves = Buffer.concat([initiatorRandom.subarray(0, 8), responderRandom.subarray(0, 8)]);
  return e(temporaryKey, halves).fill(0, size);
}

/** ah (§2.2.2): the hash of the three random octets of a private address. */
export function ah(identityKey: Uint8Array, random: Uint8Array): Buffer {
  return e(identityKey, Buffer.concat([random.subarray(0, 3), new Uint8Array(13)])).subarray(0, 3);
}

/** True for a random address, six octets in hex with colons, that is resolvable (Vol 6 Part B §1.3.2.2). */
export function isResolvable(address: string): boolean {
  return (Number.parseInt(address.slice(0, 2), 16) & 0xc0) === 0x40;
}

/** True when the holder of the identity key has made this resolvable address (Vol 6 Part B §1.3.2.3). */
export function resolves(identityKey: Uint8Array, address: string): boolean {
  const octets = Buffer.from(address.replaceAll(':', ''), 'hex').reverse();
  return octets.length === 6 && ah(identityKey, octets.subarray(3)).equals(octets.subarray(0, 3));
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
}
