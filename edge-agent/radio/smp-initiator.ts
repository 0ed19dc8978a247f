/**
 * Pairing on one link with us as initiator: LE legacy, by Just Works or by a passkey (Core 5.2 Vol 3 Part H §2.3.5), and
 * encryption with the key of a bond. Nothing that a device sends throws: what is malformed or out of order ends the pairing.
 */
import { randomBytes, randomInt } from 'node:crypto';
import type { SecurityFailure } from '../../protocol/devices/security-failure.ts';
import { failureOf, PairingError, SMP_REASON } from './pairing-error.ts';
import type { LongTermKey, Paired, PairingOffer } from './pairing-offer.ts';
import { c1, type SmpAddress, s1 } from './smp-crypto.ts';
import * as smp from './smp-pdus.ts';

/** §3.4: a procedure that takes longer has failed, and the link is of no more use for another. */
export const SMP_TIMEOUT_MS = 30_000;
/** PIN or Key Missing, and MIC Failure: the key is not the device's any more. */
const KEY_MISSING = 0x06;
const MIC_FAILURE = 0x3d;
/** Keys may be heard before the controller has told of the encryption that they came under. */
const MAX_EARLY = 8;

export interface SmpChannel {
  readonly local: SmpAddress;
  readonly remote: SmpAddress;
  readonly send: (pdu: Buffer) => void;
  /** LE Start Encryption (Vol 4 Part E §7.8.24). */
  readonly startEncryption: (key: Buffer, diversifier: Buffer, random: Buffer) => void;
}

type Step = 'idle' | 'response' | 'passkey' | 'confirm' | 'random' | 'encryption' | 'keys' | 'bond' | 'over';

const EXPECTED: Readonly<Partial<Record<Step, number>>> = {
  response: smp.PAIRING_RESPONSE,
  confirm: smp.PAIRING_CONFIRM,
  random: smp.PAIRING_RANDOM,
};

/** What belongs to one attempt and ends with it. */
interface Attempt {
  readonly offer: PairingOffer;
  readonly request: Buffer;
  readonly ownRandom: Buffer;
  response: Buffer;
  temporaryKey: Buffer;
  usesPasskey: boolean;
  confirm: Buffer;
  /** PDUs of the key distribution that are still to come. */
  readonly missing: Set<number>;
  readonly keys: Map<number, Buffer>;
  readonly early: Buffer[];
}

export class SmpInitiator {
  /** Called for a Security Request (§2.4.6) outside a pairing, with its AuthReq. */
  onSecurityRequest: ((authReq: number) => void) | undefined;
  readonly #channel: SmpChannel;
  #timeoutMs = SMP_TIMEOUT_MS;
  #step: Step = 'idle';
  #attempt: Attempt | undefined;
  #settle: { resolve: (paired?: Paired) => void; reject: (error: PairingError) => void } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #requested: number | undefined;

  constructor(channel: SmpChannel) {
    this.#channel = channel;
  }

  /** AuthReq of the last Security Request; undefined when the device has made none. */
  get securityRequest(): number | undefined {
    return this.#requested;
  }

  get busy(): boolean {
    return this.#step !== 'idle' && this.#step !== 'over';
  }

  /** Shortens the 30 s of §3.4. */
  set timeoutMs(ms: number) {
    this.#timeoutMs = ms;
  }

  /** Pairs, and resolves when the link is encrypted and the device has handed out its keys. Rejects: {@link PairingError}. */
  async pair(offer: PairingOffer): Promise<Paired> {
    const request = smp.encodePairingRequest(offer);
    const paired = await this.#begin('response', () => {
      const empty = Buffer.alloc(0);
      this.#attempt = {
        offer,
        request,
        ownRandom: randomBytes(16),
        response: empty,
        temporaryKey: Buffer.alloc(16),
        usesPasskey: false,
        confirm: empty,
        missing: new Set(),
        keys: new Map(),
        early: [],
      };
      this.#channel.send(request);
    });
    return paired as Paired;
  }

  /** Encrypts the link with the key of a bond. Rejects with `stale-bond` when the device does not have it any more. */
  async encrypt({ key, diversifier, random }: LongTermKey): Promise<void> {
    await this.#begin('bond', () => this.#channel.startEncryption(key, diversifier, random));
  }

  /** Answers a Security Request that is not granted (§2.4.6). */
  refuse(): void {
    if (!this.busy) this.#channel.send(Buffer.of(smp.PAIRING_FAILED, SMP_REASON.pairingNotSupported));
  }

  /** Takes one SMP PDU of the device. */
  receive(pdu: Buffer): void {
    const code = pdu[0] ?? 0;
    const length = smp.LENGTHS[code];
    if (length === undefined) return;
    if (code === smp.SECURITY_REQUEST) {
      if (pdu.length === length) this.#onSecurityRequest(pdu.readUInt8(1));
      return;
    }
    const attempt = this.#attempt;
    if (!attempt) return;
    if (pdu.length !== length) this.#breakOff('malformed', SMP_REASON.invalidParameters);
    else if (code === smp.PAIRING_FAILED) this.#onFailed(attempt, pdu.readUInt8(1));
    else if (EXPECTED[this.#step] === code) this.#advance(attempt, Buffer.from(pdu));
    else if (this.#step === 'keys') this.#onKey(attempt, Buffer.from(pdu));
    else if (this.#step === 'encryption' && attempt.early.length < MAX_EARLY) attempt.early.push(Buffer.from(pdu));
    else this.#breakOff('malformed', SMP_REASON.unspecified);
  }

  /** The controller tells of an Encryption Change, a Key Refresh, or that it could not start. */
  encryptionChanged(status: number, enabled: boolean): void {
    if (this.#step !== 'encryption' && this.#step !== 'bond') return;
    if (status !== 0 || !enabled) {
      const missing = this.#step === 'bond' && status === KEY_MISSING;
      this.#fail(missing ? 'stale-bond' : 'encryption-failed', status);
      return;
    }
    const attempt = this.#attempt;
    if (!attempt) {
      this.#succeed();
      return;
    }
    this.#step = 'keys';
    this.#startTimer();
    for (const pdu of attempt.early.splice(0)) if (this.#attempt === attempt) this.#onKey(attempt, pdu);
    if (this.#attempt === attempt && attempt.missing.size === 0) this.#finish(attempt);
  }

  /** The link has ended with an HCI reason. */
  end(reason?: number): void {
    const wrongKey = this.#step === 'bond' && reason === MIC_FAILURE;
    this.#fail(wrongKey ? 'stale-bond' : 'disconnected', reason);
    this.#step = 'over';
  }

  #begin(step: Step, start: () => void): Promise<Paired | undefined> {
    if (this.#step === 'over') return Promise.reject(new PairingError('disconnected'));
    if (this.#step !== 'idle') return Promise.reject(new PairingError('not-allowed'));
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      this.#step = step;
      this.#startTimer();
      start();
    });
  }

  #startTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#fail('timeout');
      this.#step = 'over';
    }, this.#timeoutMs);
  }

  #onSecurityRequest(authReq: number): void {
    this.#requested = authReq;
    // During a procedure of ours it has been granted already (§2.4.6).
    if (!this.busy) this.onSecurityRequest?.(authReq);
  }

  #onFailed({ offer, usesPasskey }: Attempt, reason: number): void {
    const failure = failureOf(reason, {
      offered: offer.enterPasskey !== undefined,
      used: usesPasskey,
      secureConnections: ((this.#requested ?? 0) & smp.AUTH_SECURE_CONNECTIONS) !== 0,
    });
    this.#fail(failure, reason);
  }

  #advance(attempt: Attempt, pdu: Buffer): void {
    this.#startTimer();
    if (this.#step === 'response') this.#onResponse(attempt, pdu);
    else if (this.#step === 'confirm') this.#onConfirm(attempt, pdu);
    else this.#onRandom(attempt, pdu);
  }

  #onResponse(attempt: Attempt, pdu: Buffer): void {
    const response = smp.decodePairingResponse(pdu);
    if (!response) {
      this.#breakOff('malformed', SMP_REASON.invalidParameters);
      return;
    }
    if (response.keySize < smp.MIN_KEY_SIZE) {
      this.#breakOff('key-too-short', SMP_REASON.encryptionKeySize);
      return;
    }
    attempt.response = pdu;
    for (const code of response.keyPdus) attempt.missing.add(code);
    const { offer } = attempt;
    const method = smp.chooseMethod(offer, response);
    if (method === 'just-works' && offer.authenticated) {
      this.#breakOff('passkey-impossible', SMP_REASON.authenticationRequirements);
    } else if (method === 'just-works') {
      this.#sendConfirm(attempt);
    } else {
      attempt.usesPasskey = true;
      this.#step = 'passkey';
      void this.#findPasskey(offer, method).then((passkey) => this.#onPasskey(attempt, passkey));
    }
  }

  async #findPasskey(offer: PairingOffer, method: 'enter' | 'show'): Promise<number | undefined> {
    try {
      if (method === 'enter') return await offer.enterPasskey?.();
      const passkey = randomInt(1_000_000);
      offer.showPasskey?.(passkey);
      return passkey;
    } catch {
      return undefined;
    }
  }

  #onPasskey(attempt: Attempt, passkey: number | undefined): void {
    if (this.#attempt !== attempt || this.#step !== 'passkey') return;
    if (passkey === undefined || !Number.isInteger(passkey) || passkey < 0 || passkey > 999_999) {
      this.#breakOff('no-passkey', SMP_REASON.passkeyEntryFailed);
      return;
    }
    attempt.temporaryKey.writeUInt32LE(passkey, 0);
    this.#sendConfirm(attempt);
  }

  #sendConfirm(attempt: Attempt): void {
    this.#step = 'confirm';
    this.#startTimer();
    this.#channel.send(Buffer.concat([Buffer.of(smp.PAIRING_CONFIRM), this.#confirmOf(attempt, attempt.ownRandom)]));
  }

  #onConfirm(attempt: Attempt, pdu: Buffer): void {
    attempt.confirm = pdu.subarray(1);
    this.#step = 'random';
    this.#channel.send(Buffer.concat([Buffer.of(smp.PAIRING_RANDOM), attempt.ownRandom]));
  }

  #onRandom(attempt: Attempt, pdu: Buffer): void {
    const random = pdu.subarray(1);
    // Our own values sent back would fit as well.
    const reflected = random.equals(attempt.ownRandom);
    if (reflected || !this.#confirmOf(attempt, random).equals(attempt.confirm)) {
      this.#breakOff(attempt.usesPasskey ? 'wrong-passkey' : 'confirm-failed', SMP_REASON.confirmValueFailed);
      return;
    }
    this.#step = 'encryption';
    const shortTermKey = s1(attempt.temporaryKey, random, attempt.ownRandom, attempt.response[4]);
    this.#channel.startEncryption(shortTermKey, Buffer.alloc(2), Buffer.alloc(8));
  }

  #confirmOf({ temporaryKey, request, response }: Attempt, random: Buffer): Buffer {
    return c1(temporaryKey, random, request, response, this.#channel.local, this.#channel.remote);
  }

  #onKey(attempt: Attempt, pdu: Buffer): void {
    const code = pdu.readUInt8(0);
    if (!attempt.missing.delete(code)) {
      this.#breakOff('malformed', SMP_REASON.unspecified);
      return;
    }
    attempt.keys.set(code, pdu.subarray(1));
    if (attempt.missing.size === 0) this.#finish(attempt);
  }

  #finish({ keys, usesPasskey, response }: Attempt): void {
    this.#succeed({ authenticated: usesPasskey, keySize: response.readUInt8(4), ...smp.readKeys(keys) });
  }

  #succeed(paired?: Paired): void {
    this.#settle?.resolve(paired);
    this.#clear();
  }

  /** Tells the device too. */
  #breakOff(failure: SecurityFailure, reason: number): void {
    this.#channel.send(Buffer.of(smp.PAIRING_FAILED, reason));
    this.#fail(failure, reason);
  }

  #fail(failure: SecurityFailure, code?: number): void {
    this.#settle?.reject(new PairingError(failure, code));
    this.#clear();
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#settle = undefined;
    this.#attempt = undefined;
    if (this.#step !== 'over') this.#step = 'idle';
  }
}
