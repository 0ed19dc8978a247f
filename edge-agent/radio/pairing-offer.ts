/** What goes into a pairing, and what comes out of it. Octets as SMP sends them, least significant first. */
import type { SmpAddress } from './smp-crypto.ts';

/** What we bring to a pairing. */
export interface PairingOffer {
  /** The key has to be made with a passkey, so that nobody can stand between. */
  readonly authenticated: boolean;
  /** Asks somebody for the six digits of the device; undefined when nobody gives them. Absent: nobody is there. */
  readonly enterPasskey?: () => Promise<number | undefined>;
  /** Shows six digits that somebody enters on the device. */
  readonly showPasskey?: (passkey: number) => void;
}

export interface LongTermKey {
  readonly key: Buffer;
  readonly diversifier: Buffer;
  readonly random: Buffer;
}

export interface Paired {
  readonly authenticated: boolean;
  /** Octets of the key, 7 to 16. */
  readonly keySize: number;
  /** Undefined where the device gives no key for the next link. */
  readonly longTermKey?: LongTermKey;
  /** All zeros where the device has given such a one. */
  readonly identityKey?: Buffer;
  readonly identityAddress?: SmpAddress;
}
