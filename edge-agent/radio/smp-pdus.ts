/** The PDUs of the Security Manager Protocol that an initiator needs (Core 5.2 Vol 3 Part H §3.5, §3.6). */

import type { LongTermKey, PairingOffer } from './pairing-offer.ts';
import type { SmpAddress } from './smp-crypto.ts';

export const PAIRING_REQUEST = 0x01;
export const PAIRING_RESPONSE = 0x02;
export const PAIRING_CONFIRM = 0x03;
export const PAIRING_RANDOM = 0x04;
export const PAIRING_FAILED = 0x05;
export const ENCRYPTION_INFORMATION = 0x06;
export const CENTRAL_IDENTIFICATION = 0x07;
export const IDENTITY_INFORMATION = 0x08;
export const IDENTITY_ADDRESS_INFORMATION = 0x09;
export const SECURITY_REQUEST = 0x0b;

/** Octets of each PDU that a responder of legacy pairing may send. Others are not looked at. */
export const LENGTHS: Readonly<Record<number, number>> = {
  [PAIRING_RESPONSE]: 7,
  [PAIRING_CONFIRM]: 17,
  [PAIRING_RANDOM]: 17,
  [PAIRING_FAILED]: 2,
  [ENCRYPTION_INFORMATION]: 17,
  [CENTRAL_IDENTIFICATION]: 11,
  [IDENTITY_INFORMATION]: 17,
  [IDENTITY_ADDRESS_INFORMATION]: 8,
  [SECURITY_REQUEST]: 2,
};

/** Bits of AuthReq (§3.5.1). */
const AUTH_BONDING = 0x01;
export const AUTH_MITM = 0x04;
export const AUTH_SECURE_CONNECTIONS = 0x08;

/** IO capabilities (§3.5.1). */
const KEYBOARD_ONLY = 0x02;
const NO_INPUT_NO_OUTPUT = 0x03;
const KEYBOARD_DISPLAY = 0x04;

/** Octets of the longest and shortest key (§2.3.4). */
const MAX_KEY_SIZE = 16;
export const MIN_KEY_SIZE = 7;

/** Bits of the key distribution fields (§3.6.1). */
const ENCRYPTION_KEY = 0x01;
const IDENTITY_KEY = 0x02;
const WANTED_KEYS = ENCRYPTION_KEY | IDENTITY_KEY;

export interface PairingResponse {
  readonly io: number;
  readonly authReq: number;
  readonly keySize: number;
  /** PDUs that the device will send once the link is encrypted. */
  readonly keyPdus: readonly number[];
}

/** Bonding, no keys of ours, and of the device its key for the next link and its identity. */
export function encodePairingRequest(offer: PairingOffer): Buffer {
  const mitm = offer.authenticated ? AUTH_MITM : 0;
  return Buffer.of(PAIRING_REQUEST, ioCapability(offer), 0x00, AUTH_BONDING | mitm, MAX_KEY_SIZE, 0x00, WANTED_KEYS);
}

function ioCapability({ enterPasskey, showPasskey }: PairingOffer): number {
  if (!enterPasskey) return NO_INPUT_NO_OUTPUT;
  return showPasskey ? KEYBOARD_DISPLAY : KEYBOARD_ONLY;
}

/** Undefined when a field has a value that it cannot have, or the device would send keys that nobody asked for. */
export function decodePairingResponse(pdu: Buffer): PairingResponse | undefined {
  const [, io = 0xff, outOfBand = 0xff, authReq = 0, keySize = 0, ours = 0xff, theirs = 0xff] = pdu;
  if (io > KEYBOARD_DISPLAY || outOfBand > 1 || keySize > MAX_KEY_SIZE) return undefined;
  if (ours !== 0 || (theirs & ~WANTED_KEYS) !== 0) return undefined;
  const keyPdus = [
    ...(theirs & ENCRYPTION_KEY ? [ENCRYPTION_INFORMATION, CENTRAL_IDENTIFICATION] : []),
    ...(theirs & IDENTITY_KEY ? [IDENTITY_INFORMATION, IDENTITY_ADDRESS_INFORMATION] : []),
  ];
  return { io, authReq, keySize, keyPdus };
}

/** How the temporary key is found (§2.3.5.1, Table 2.8): by a passkey when one side wants it and both can. */
export function chooseMethod(offer: PairingOffer, { io, authReq }: PairingResponse): 'just-works' | 'enter' | 'show' {
  const wanted = offer.authenticated || (authReq & AUTH_MITM) !== 0;
  if (!wanted || !offer.enterPasskey || io === NO_INPUT_NO_OUTPUT) return 'just-works';
  const deviceEnters = io === KEYBOARD_ONLY || io === KEYBOARD_DISPLAY;
  return offer.showPasskey && deviceEnters ? 'show' : 'enter';
}

/** What the key distribution has brought; each PDU has its right length. */
export function readKeys(keys: ReadonlyMap<number, Buffer>): {
  longTermKey?: LongTermKey;
  identityKey?: Buffer;
  identityAddress?: SmpAddress;
} {
  const key = keys.get(ENCRYPTION_INFORMATION);
  const name = keys.get(CENTRAL_IDENTIFICATION);
  const identityKey = keys.get(IDENTITY_INFORMATION);
  const identity = keys.get(IDENTITY_ADDRESS_INFORMATION);
  return {
    ...(key && name && { longTermKey: { key, diversifier: name.subarray(0, 2), random: name.subarray(2) } }),
    ...(identityKey && { identityKey }),
    ...(identity && { identityAddress: { random: identity[0] === 1, octets: identity.subarray(1) } }),
  };
}
