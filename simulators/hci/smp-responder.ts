/**
 * Pairing of a simulated device: LE legacy "Just Works" as responder (Core 5.2 Vol 3 Part H §2.3.5.2), enough to
 * encrypt a link. Not secure against listeners, as the real one is not.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { encodeAddress } from './hci-packets.ts';

const PAIRING_REQUEST = 0x01;
const PAIRING_RESPONSE = 0x02;
const PAIRING_CONFIRM = 0x03;
const PAIRING_RANDOM = 0x04;
const PAIRING_FAILED = 0x05;
const ENCRYPTION_INFORMATION = 0x06;
const CENTRAL_IDENTIFICATION = 0x07;

/** Bit of the key distribution fields (§3.6.1). */
const DISTRIBUTES_ENCRYPTION_KEY = 0x01;

/** Just Works uses a temporary key of zero (§2.3.5.2). */
const TEMPORARY_KEY = Buffer.alloc(16);

export interface SmpResponderOptions {
  readonly central: { readonly address: string; readonly random: boolean };
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly send: (pdu: Buffer) => void;
  /** Refuse to pair with this SMP reason (0x03: authentication requirements), as a passkey-only device would. */
  readonly refusal: () => number | undefined;
}

export class SmpResponder {
  readonly #options: SmpResponderOptions;
  #request = Buffer.alloc(7);
  #response = Buffer.alloc(7);
  #random = Buffer.alloc(16);
  #key: Buffer | undefined;

  constructor(options: SmpResponderOptions) {
    this.#options = options;
  }

  /** Takes one SMP PDU of the central. */
  receive(pdu: Buffer): void {
    const { send, refusal } = this.#options;
    if (pdu[0] === PAIRING_REQUEST && pdu.length === 7) {
      const reason = refusal();
      if (reason !== undefined) {
        send(Buffer.from([PAIRING_FAILED, reason]));
        return;
      }
      this.#request = Buffer.from(pdu);
      // No input, no output; no out-of-band data; bonding; 16 octets; distributes its encryption key if that is wanted.
      const keys = pdu.readUInt8(6) & DISTRIBUTES_ENCRYPTION_KEY;
      this.#response = Buffer.from([PAIRING_RESPONSE, 0x03, 0x00, 0x01, 0x10, 0x00, keys]);
      send(this.#response);
    } else if (pdu[0] === PAIRING_CONFIRM) {
      this.#random = randomBytes(16);
      send(Buffer.concat([Buffer.from([PAIRING_CONFIRM]), this.#confirmValue()]));
    } else if (pdu[0] === PAIRING_RANDOM && pdu.length === 17) {
      // s1 (§2.2.4): the low halves of both randoms, the responder's above.
      this.#key = encrypt(TEMPORARY_KEY, Buffer.concat([pdu.subarray(1, 9), this.#random.subarray(0, 8)]));
      send(Buffer.concat([Buffer.from([PAIRING_RANDOM]), this.#random]));
    }
  }

  /** The central starts encryption with a key; true when it is the one just agreed on. */
  startEncryption(key: Uint8Array): boolean {
    return this.#key?.equals(key) ?? false;
  }

  /** The central has been told that the link is encrypted, so keys may travel (§2.4.3); before that it refuses them. */
  distributeKeys(): void {
    if (((this.#response[6] ?? 0) & DISTRIBUTES_ENCRYPTION_KEY) === 0) return;
    this.#options.send(Buffer.concat([Buffer.from([ENCRYPTION_INFORMATION]), randomBytes(16)]));
    this.#options.send(Buffer.concat([Buffer.from([CENTRAL_IDENTIFICATION]), randomBytes(10)]));
  }

  /** c1 (§2.2.3), all values least significant octet first. */
  #confirmValue(): Buffer {
    const { central, address, addressType } = this.#options;
    const types = Buffer.from([central.random ? 1 : 0, addressType === 'random' ? 1 : 0]);
    const p1 = Buffer.concat([types, this.#request, this.#response]);
    const p2 = Buffer.concat([encodeAddress(address), encodeAddress(central.address), Buffer.alloc(4)]);
    return encrypt(TEMPORARY_KEY, xor(encrypt(TEMPORARY_KEY, xor(this.#random, p1)), p2));
  }
}

/** e (§2.2.1): AES-128 of one block; SMP counts octets from the least significant. */
function encrypt(key: Buffer, block: Buffer): Buffer {
  const cipher = createCipheriv('aes-128-ecb', Buffer.from(key).reverse(), null).setAutoPadding(false);
  return Buffer.concat([cipher.update(Buffer.from(block).reverse()), cipher.final()]).reverse();
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((octet, i) => octet ^ (b[i] ?? 0)));
}
