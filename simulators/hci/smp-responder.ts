/**
 * Pairing of a simulated device on one link: LE legacy pairing as responder (Core 5.2 Vol 3 Part H §2.3.5), by Just
 * Works or by a passkey, and its bonds. Not secure against listeners, as the real one is not.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_ENCRYPTION } from './att-codes.ts';
import type { DeviceBond, DeviceSecurity } from './device-security.ts';
import type { Attribute } from './gatt-database.ts';
import { encodeAddress } from './hci-packets.ts';
import { type ConfirmInputs, confirmValue, shortTermKey } from './smp-crypto.ts';

const PAIRING_REQUEST = 0x01;
const PAIRING_RESPONSE = 0x02;
const PAIRING_CONFIRM = 0x03;
const PAIRING_RANDOM = 0x04;
const PAIRING_FAILED = 0x05;
const ENCRYPTION_INFORMATION = 0x06;
const CENTRAL_IDENTIFICATION = 0x07;
const IDENTITY_INFORMATION = 0x08;
const IDENTITY_ADDRESS_INFORMATION = 0x09;
const SECURITY_REQUEST = 0x0b;

/** Reasons of Pairing Failed (§3.5.5). */
const AUTHENTICATION_REQUIREMENTS = 0x03;
const CONFIRM_VALUE_FAILED = 0x04;
const PAIRING_NOT_SUPPORTED = 0x05;
const UNSPECIFIED = 0x08;

/** Bits of AuthReq (§3.5.1). */
const BONDING = 0x01;
const MITM = 0x04;
const SECURE_CONNECTIONS = 0x08;

/** Bits of the key distribution fields (§3.6.1). */
const ENCRYPTION_KEY = 0x01;
const IDENTITY_KEY = 0x02;

/** IO capabilities (§3.5.1). */
const IO = { display: 0x00, keyboard: 0x02, none: 0x03 } as const;
const KEYBOARD_ONLY = 0x02;
const NO_INPUT_NO_OUTPUT = 0x03;
const KEYBOARD_DISPLAY = 0x04;

export interface SmpResponderOptions {
  readonly central: { readonly address: string; readonly random: boolean };
  readonly address: string;
  readonly addressType: 'public' | 'random';
  /** Address that it hands out as its identity. */
  readonly identityAddress: string;
  readonly security: DeviceSecurity;
  readonly send: (pdu: Buffer) => void;
  /** Refuse to pair with this SMP reason. */
  readonly refusal: () => number | undefined;
  /** The device shows these six digits. */
  readonly onDisplay: (passkey: number) => void;
  /** The device waits for somebody to enter the digits that the central shows. */
  readonly onEntry: () => void;
}

/** What came of an attempt of the central to encrypt. `wrong-key`: the link breaks, for no packet can be read any more. */
export type Encryption = 'paired' | 'bonded' | 'no-key' | 'wrong-key';

export class SmpResponder {
  readonly #options: SmpResponderOptions;
  #expects: 'request' | 'confirm' | 'random' | 'encryption' = 'request';
  #inputs: ConfirmInputs | undefined;
  /** Undefined until a person has entered it. */
  #temporaryKey: Buffer | undefined;
  #usesPasskey = false;
  #centralConfirm: Buffer | undefined;
  #random: Buffer = Buffer.alloc(16);
  #shortTermKey: Buffer | undefined;
  #authenticated = false;

  constructor(options: SmpResponderOptions) {
    this.#options = options;
  }

  get bond(): DeviceBond | undefined {
    return this.#options.security.bonds.get(this.#options.central.address);
  }

  /** ATT error of an attribute that the link is not secure enough for, undefined when it is (Vol 3 Part C §10.3.1). */
  protects({ secure, authenticated }: Attribute, encrypted: boolean): number | undefined {
    if (secure && !encrypted) return this.bond ? INSUFFICIENT_ENCRYPTION : INSUFFICIENT_AUTHENTICATION;
    return authenticated && !this.#authenticated ? INSUFFICIENT_AUTHENTICATION : undefined;
  }

  /** Asks the central for security (§2.4.6). */
  requestSecurity(): void {
    const mitm = this.#io === 'none' ? 0 : MITM;
    this.#options.send(Buffer.from([SECURITY_REQUEST, BONDING | mitm]));
  }

  /** Takes one SMP PDU of the central. */
  receive(pdu: Buffer): void {
    if (pdu[0] === PAIRING_REQUEST && pdu.length === 7 && this.#expects === 'request') this.#onRequest(pdu);
    else if (pdu[0] === PAIRING_CONFIRM && pdu.length === 17 && this.#expects === 'confirm') this.#onConfirm(pdu);
    else if (pdu[0] === PAIRING_RANDOM && pdu.length === 17 && this.#expects === 'random') this.#onRandom(pdu);
    else if (pdu[0] === PAIRING_FAILED) this.#expects = 'request';
    else if (this.#expects !== 'request') this.#fail(UNSPECIFIED);
  }

  /** Somebody enters on the device what the central shows. */
  enterPasskey(passkey: number): void {
    this.#temporaryKey = encodePasskey(passkey);
    if (this.#expects === 'confirm' && this.#centralConfirm) this.#sendConfirm();
  }

  /** The central starts encryption with a key and what names it (Vol 4 Part E §7.8.24). */
  startEncryption(key: Uint8Array, diversifier: Uint8Array, random: Uint8Array): Encryption {
    const { bond } = this;
    const { freshBondPerLink } = this.#options.security.options;
    if (this.#expects === 'encryption') {
      if (!this.#shortTermKey?.equals(key)) return 'wrong-key';
      this.#authenticated = this.#usesPasskey;
      return 'paired';
    }
    const named = bond?.diversifier.equals(diversifier) && bond.random.equals(random);
    if (!bond || !named || freshBondPerLink) return 'no-key';
    if (!bond.key.equals(key)) return 'wrong-key';
    this.#authenticated = bond.authenticated;
    return 'bonded';
  }

  /** The central knows that the link is encrypted, so keys may travel (§2.4.3); before that it refuses them. */
  distributeKeys(): void {
    const { security, send, central, identityAddress, addressType } = this.#options;
    const keys = this.#inputs?.response[6] ?? 0;
    this.#expects = 'request';
    if (keys & ENCRYPTION_KEY) {
      const bond: DeviceBond = {
        key: randomBytes(16),
        diversifier: randomBytes(2),
        random: randomBytes(8),
        authenticated: this.#usesPasskey,
        subscriptions: new Map(),
      };
      if (security.options.keepsBonds !== false) security.bonds.set(central.address, bond);
      send(Buffer.concat([Buffer.from([ENCRYPTION_INFORMATION]), bond.key]));
      send(Buffer.concat([Buffer.from([CENTRAL_IDENTIFICATION]), bond.diversifier, bond.random]));
    }
    if (keys & IDENTITY_KEY && security.identityKey) {
      send(Buffer.concat([Buffer.from([IDENTITY_INFORMATION]), security.identityKey]));
      const type = addressType === 'random' ? 1 : 0;
      send(Buffer.concat([Buffer.from([IDENTITY_ADDRESS_INFORMATION, type]), encodeAddress(identityAddress)]));
    }
  }

  get #io(): keyof typeof IO {
    return this.#options.security.options.io ?? 'none';
  }

  #onRequest(pdu: Buffer): void {
    const { send, central, address, addressType, security } = this.#options;
    const refusal = this.#refusal(pdu);
    if (refusal !== undefined) {
      this.#fail(refusal);
      return;
    }
    const request = Buffer.from(pdu);
    const authentication = BONDING | (this.#io === 'none' ? 0 : MITM);
    const offered = ENCRYPTION_KEY | (security.identityKey ? IDENTITY_KEY : 0);
    const keys = pdu.readUInt8(6) & offered;
    const response = Buffer.from([PAIRING_RESPONSE, IO[this.#io], 0x00, authentication, 0x10, 0x00, keys]);
    this.#inputs = {
      request,
      response,
      initiator: { address: encodeAddress(central.address), random: central.random },
      responder: { address: encodeAddress(address), random: addressType === 'random' },
    };
    this.#centralConfirm = undefined;
    this.#shortTermKey = undefined;
    this.#expects = 'confirm';
    this.#chooseMethod(pdu);
    send(response);
  }

  #refusal(pdu: Buffer): number | undefined {
    const { security, central, refusal } = this.#options;
    const { secureConnectionsOnly, oneHost } = security.options;
    if (secureConnectionsOnly && (pdu.readUInt8(3) & SECURE_CONNECTIONS) === 0) return AUTHENTICATION_REQUIREMENTS;
    if (oneHost && security.bonds.size > 0 && !security.bonds.has(central.address)) return PAIRING_NOT_SUPPORTED;
    return refusal();
  }

  /** Which of both shows and which enters the passkey (§2.3.5.1, Table 2.8). */
  #chooseMethod(request: Buffer): void {
    const central = request.readUInt8(1);
    const canEnter = central === KEYBOARD_ONLY || central === KEYBOARD_DISPLAY;
    this.#usesPasskey =
      (this.#io === 'display' && canEnter) || (this.#io === 'keyboard' && central !== NO_INPUT_NO_OUTPUT);
    if (!this.#usesPasskey) {
      this.#temporaryKey = Buffer.alloc(16);
    } else if (this.#io === 'display') {
      const passkey = this.#options.security.options.passkey ?? randomInt(1_000_000);
      this.#temporaryKey = encodePasskey(passkey);
      this.#options.onDisplay(passkey);
    } else {
      this.#temporaryKey = undefined;
      this.#options.onEntry();
    }
  }

  #onConfirm(pdu: Buffer): void {
    this.#centralConfirm = Buffer.from(pdu.subarray(1));
    if (this.#temporaryKey) this.#sendConfirm();
  }

  #sendConfirm(): void {
    if (!this.#inputs || !this.#temporaryKey) return;
    this.#random = randomBytes(16);
    this.#expects = 'random';
    const confirm = confirmValue(this.#temporaryKey, this.#random, this.#inputs);
    this.#options.send(Buffer.concat([Buffer.from([PAIRING_CONFIRM]), confirm]));
  }

  #onRandom(pdu: Buffer): void {
    const random = Buffer.from(pdu.subarray(1));
    if (!this.#inputs || !this.#temporaryKey) return;
    if (!this.#centralConfirm?.equals(confirmValue(this.#temporaryKey, random, this.#inputs))) {
      this.#fail(CONFIRM_VALUE_FAILED);
      return;
    }
    this.#shortTermKey = shortTermKey(this.#temporaryKey, this.#random, random);
    this.#expects = 'encryption';
    this.#options.send(Buffer.concat([Buffer.from([PAIRING_RANDOM]), this.#random]));
  }

  #fail(reason: number): void {
    this.#expects = 'request';
    this.#options.send(Buffer.from([PAIRING_FAILED, reason]));
  }
}

/** The temporary key of a passkey (§2.3.5.3). */
function encodePasskey(passkey: number): Buffer {
  const key = Buffer.alloc(16);
  key.writeUInt32LE(passkey, 0);
  return key;
}
