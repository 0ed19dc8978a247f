/** The functions of LE legacy pairing (Core 5.2 Vol 3 Part H §2.2), all values least significant octet first. */
import { createCipheriv } from 'node:crypto';
import { decodeAddress } from './hci-packets.ts';

export interface ConfirmInputs {
  /** The whole Pairing Request and Pairing Response. */
  readonly request: Buffer;
  readonly response: Buffer;
  /** Six octets, and whether they are a random address. */
  readonly initiator: { readonly address: Buffer; readonly random: boolean };
  readonly responder: { readonly address: Buffer; readonly random: boolean };
}

/** c1 (§2.2.3). */
export function confirmValue(temporaryKey: Buffer, random: Buffer, inputs: ConfirmInputs): Buffer {
  const { request, response, initiator, responder } = inputs;
  const p1 = Buffer.concat([Buffer.from([Number(initiator.random), Number(responder.random)]), request, response]);
  const p2 = Buffer.concat([responder.address, initiator.address, Buffer.alloc(4)]);
  return encryptBlock(temporaryKey, xor(encryptBlock(temporaryKey, xor(random, p1)), p2));
}

/** s1 (§2.2.4): the low halves of both randoms, the responder's above. */
export function shortTermKey(temporaryKey: Buffer, responderRandom: Buffer, initiatorRandom: Buffer): Buffer {
  return encryptBlock(temporaryKey, Buffer.concat([initiatorRandom.subarray(0, 8), responderRandom.subarray(0, 8)]));
}

/** A resolvable private address (Vol 6 Part B §1.3.2.2) of an identity key, made with three random octets. */
export function resolvableAddress(identityKey: Buffer, random: Buffer): string {
  const part = Buffer.from(random.subarray(0, 3));
  part[2] = ((part[2] ?? 0) & 0x3f) | 0x40;
  // ah (§2.2.2)
  const hash = encryptBlock(identityKey, Buffer.concat([part, Buffer.alloc(13)])).subarray(0, 3);
  return decodeAddress(Buffer.concat([hash, part]));
}

/** e (§2.2.1): AES-128 of one block; SMP counts octets from the least significant. */
function encryptBlock(key: Buffer, block: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', Buffer.from(key).reverse(), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.from(block).reverse()), cipher.final()]).reverse();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
}
