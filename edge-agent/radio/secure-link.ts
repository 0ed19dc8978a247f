/**
 * Secures one connection as the device's policy has it: with the key of its bond where there is one, else by pairing, before
 * discovery or when the device asks. A bond is never given up in silence: where the device has lost it, it is paired anew
 * only if the caller allows that, for anybody could pretend to have lost a key.
 */
import type { Policies } from '../../protocol/devices/policies.ts';
import type { LinkSecurity } from '../../protocol/leaf.ts';
import { type Bond, type BondStore, FRESH_PER_LINK } from './bond-store.ts';
import type { TransportClock } from './hci-transport.ts';
import type { NobleStack } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { PairingError } from './pairing-error.ts';
import type { Paired, PairingOffer } from './pairing-offer.ts';
import type { SecurityChange } from './radio-events.ts';
import type { SmpInitiator } from './smp-initiator.ts';
import { AUTH_MITM } from './smp-pdus.ts';

/** Why pairing is wanted. */
export type PairingCause = 'policy' | 'device-asked';

export interface RadioSecurity {
  /** Where bonds are kept; without it, a device is paired for each link that asks for it. */
  readonly bonds?: BondStore;
  /** How the device wants to be paired, and whether it keeps subscriptions. */
  readonly policies: Pick<Policies, 'pairing' | 'cccd'>;
  /** The six digits that the device shows or that its label has; undefined when nobody gives them. */
  readonly passkeyOf?: (device: string) => Promise<number | undefined>;
  /** Shows six digits that somebody enters on the device. */
  readonly showPasskey?: (device: string, passkey: number) => void;
  /** Whether to pair now a device of which there is no bond; yes without it. */
  readonly mayPair?: (device: string, cause: PairingCause) => boolean;
  /** Whether to pair now in the place of a bond that the device refuses; never without it. No earlier answer counts. */
  readonly mayPairAnew?: (device: string) => boolean | Promise<boolean>;
  readonly onSecurity?: (change: SecurityChange) => void;
  readonly pairingTimeoutMs?: number;
}

export interface SecureLinkOptions {
  readonly stack: NobleStack;
  readonly peripheral: NoblePeripheral;
  readonly id: string;
  readonly clock: TransportClock;
  readonly security: RadioSecurity;
}

export class SecureLink {
  readonly #options: SecureLinkOptions;
  #smp: SmpInitiator | undefined;
  #link: LinkSecurity = 'unbonded';
  #encrypted = false;
  #authenticated = false;
  #failure: PairingError | undefined;
  /** What is under way, which everybody who asks meanwhile waits for. */
  #securing: Promise<void> | undefined;

  constructor(options: SecureLinkOptions) {
    this.#options = options;
  }

  get link(): LinkSecurity {
    return this.#link;
  }

  get failure(): PairingError | undefined {
    return this.#failure;
  }

  /**
   * To be called when the connection is made, before anything is asked of the device. Resolves when discovery may begin;
   * rejects with a {@link PairingError} when the link must not be used.
   */
  async begin(): Promise<void> {
    const { stack, peripheral, id, security } = this.#options;
    const port = stack.security(peripheral.id);
    if (!port) throw new PairingError('disconnected');
    const { smp } = port;
    this.#smp = smp;
    if (security.policies.cccd === 'keep-when-bonded') port.keepSubscriptions();
    if (security.pairingTimeoutMs !== undefined) smp.timeoutMs = security.pairingTimeoutMs;
    port.onAuthenticationError(
      () => this.#mayAnswer(),
      () => this.#secure(() => this.#pair('device-asked', this.#encrypted)),
    );
    smp.onSecurityRequest = (authReq) => this.#onSecurityRequest(authReq);

    const bond = security.bonds?.find(id);
    if (bond) await this.#secure(() => this.#useBond(bond));
    else if (isBondedFirst(security.policies.pairing)) await this.#secure(() => this.#pair('policy', false));
    else if (smp.securityRequest !== undefined) await this.#answer(smp.securityRequest).catch(() => undefined);
  }

  /** One thing at a time; what fails is remembered and told. */
  #secure(procedure: () => Promise<void>): Promise<void> {
    this.#securing ??= procedure()
      .catch((error: unknown) => {
        if (error instanceof PairingError) {
          this.#failure = error;
          this.#tell('failed', error);
        }
        throw error;
      })
      .finally(() => {
        this.#securing = undefined;
      });
    return this.#securing;
  }

  /** Pairing that has failed on this link is not tried again on it: devices answer that with Repeated Attempts. */
  #mayAnswer(): boolean {
    if (this.#securing) return true;
    if (this.#failure) return false;
    return !this.#encrypted || (!this.#authenticated && this.#options.security.passkeyOf !== undefined);
  }

  #onSecurityRequest(authReq: number): void {
    this.#answer(authReq).catch(() => undefined);
  }

  /** Core 5.2 Vol 3 Part H §2.4.6: a key that is good enough is used, else one is made. */
  async #answer(authReq: number): Promise<void> {
    if (this.#securing) return this.#securing;
    const wantsMore = (authReq & AUTH_MITM) !== 0 && !this.#authenticated;
    if (this.#failure || (this.#encrypted && !(wantsMore && this.#options.security.passkeyOf))) return;
    await this.#secure(() => this.#pair('device-asked', false));
  }

  async #useBond(bond: Bond): Promise<void> {
    // A device that never keeps a bond is not troubled with the one before.
    const refusal = bond.refusals < FRESH_PER_LINK ? await this.#tryBond(bond) : new PairingError('stale-bond');
    if (!refusal) return;
    const mayPairAnew = await this.#mayPairAnew();
    if (this.#options.peripheral.state !== 'connected') {
      // A key that was wrong has ended the link; the next one begins without it, unless that could make a weaker bond.
      const isAsStrong = !bond.authenticated || this.#options.security.policies.pairing === 'passkey';
      if (mayPairAnew && isAsStrong) this.#options.security.bonds?.remove(this.#options.id);
      throw refusal;
    }
    if (!mayPairAnew) throw refusal;
    await this.#pairNow(bond.authenticated, bond.refusals + 1);
  }

  /** Gives the refusal of the device; rejects with any other failure. */
  async #tryBond(bond: Bond): Promise<PairingError | undefined> {
    try {
      await this.#initiator.encrypt({
        key: Buffer.from(bond.key),
        diversifier: Buffer.from(bond.diversifier),
        random: Buffer.from(bond.random),
      });
    } catch (error) {
      if (!(error instanceof PairingError) || error.failure !== 'stale-bond') throw error;
      this.#tell('stale', error);
      return error;
    }
    this.#onEncrypted(bond.authenticated);
    this.#link = 'bonded';
    if (bond.refusals > 0) this.#options.security.bonds?.put({ ...bond, refusals: 0 });
    this.#tell('encrypted');
    return undefined;
  }

  #mayPair(cause: PairingCause): boolean {
    const { id, security } = this.#options;
    if (security.policies.pairing === 'none') return false;
    return security.mayPair?.(id, cause) ?? true;
  }

  async #mayPairAnew(): Promise<boolean> {
    const { id, security } = this.#options;
    if (security.policies.pairing === 'none') return false;
    // Nobody who could be asked any more has allowed anything.
    return (await Promise.resolve(security.mayPairAnew?.(id)).catch(() => false)) ?? false;
  }

  async #pair(cause: PairingCause, authenticated: boolean): Promise<void> {
    if (!this.#mayPair(cause)) {
      if (this.#initiator.securityRequest !== undefined) this.#initiator.refuse();
      throw new PairingError('not-allowed');
    }
    await this.#pairNow(authenticated || this.#options.security.policies.pairing === 'passkey', 0);
  }

  /** `refusals`: how often in a row the device has refused the key of the link before. */
  async #pairNow(authenticated: boolean, refusals: number): Promise<void> {
    const paired = await this.#initiator.pair(this.#offer(authenticated));
    this.#onEncrypted(paired.authenticated);
    this.#keep(paired, refusals);
  }

  #offer(authenticated: boolean): PairingOffer {
    const { id, security } = this.#options;
    const { passkeyOf, showPasskey, policies } = security;
    if (policies.pairing === 'just-works' && !authenticated) return { authenticated };
    // Nobody is there to enter it, so there is no need to trouble the device.
    if (authenticated && !passkeyOf) throw new PairingError('no-passkey');
    return {
      authenticated,
      ...(passkeyOf && { enterPasskey: () => passkeyOf(id) }),
      ...(showPasskey && { showPasskey: (passkey: number) => showPasskey(id, passkey) }),
    };
  }

  #onEncrypted(authenticated: boolean): void {
    this.#encrypted = true;
    this.#authenticated = authenticated;
    this.#failure = undefined;
  }

  #keep(paired: Paired, refusals: number): void {
    const { id, clock, security } = this.#options;
    const { longTermKey, identityKey, identityAddress } = paired;
    const zero = identityKey?.every((octet) => octet === 0) ?? false;
    if (zero) this.#tell('zero-irk');
    if (!longTermKey || !security.bonds) {
      this.#tell('no-key');
      return;
    }
    security.bonds.put({
      device: id,
      key: longTermKey.key,
      diversifier: longTermKey.diversifier,
      random: longTermKey.random,
      keySize: paired.keySize,
      authenticated: paired.authenticated,
      ...(identityKey && !zero && { identityKey }),
      ...(identityAddress && !zero && { identityAddress: writeAddress(identityAddress.octets) }),
      madeAt: clock.now(),
      refusals,
    });
    this.#link = 'bonded';
    this.#tell('paired');
    if (refusals === FRESH_PER_LINK) this.#tell('fresh-bond-per-link');
  }

  get #initiator(): SmpInitiator {
    if (!this.#smp) throw new PairingError('disconnected');
    return this.#smp;
  }

  #tell(what: SecurityChange['what'], error?: PairingError): void {
    const { id, clock, security } = this.#options;
    const { failure, code } = error ?? {};
    security.onSecurity?.({
      device: id,
      what,
      at: clock.now(),
      ...(failure && { failure }),
      ...(code !== undefined && { code }),
    });
  }
}

/** Whether a device of this policy is paired before it is asked anything. */
function isBondedFirst(pairing: Policies['pairing']): boolean {
  return pairing !== 'none' && pairing !== 'when-asked';
}

function writeAddress(octets: Buffer): string {
  return Buffer.from(octets)
    .reverse()
    .toString('hex')
    .replaceAll(/..(?!$)/g, '$&:');
}
