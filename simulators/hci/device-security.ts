/** How a simulated device pairs, and the bonds it has made: what survives its links. */
import { randomBytes } from 'node:crypto';
import { resolvableAddress } from './smp-crypto.ts';

export interface SecurityOptions {
  /** What the device has (Core 5.2 Vol 3 Part H §2.3.2): nothing (default), a display of six digits, or a keyboard. */
  readonly io?: 'none' | 'display' | 'keyboard';
  /** The six digits that it displays or that its label shows; a random number for each pairing without. */
  readonly passkey?: number;
  /** False: it hands out keys and forgets them when the link ends. */
  readonly keepsBonds?: boolean;
  /** True: subscriptions of a bonded central are still there on its next link (Vol 3 Part G §3.3.3.3). */
  readonly keepsSubscriptions?: boolean;
  /** True: it asks for security as soon as a central has connected (§2.4.6). */
  readonly requestsSecurity?: boolean;
  /** True: while it has a bond, it pairs with no other central. */
  readonly oneHost?: boolean;
  /** True: it refuses the key of an earlier link and wants to be paired anew on each. */
  readonly freshBondPerLink?: boolean;
  /** `rotates`: it has an identity key and `rotateAddress()`. `zero`: it hands out an identity key of all zeros. */
  readonly identity?: 'rotates' | 'zero';
  /** True: it refuses legacy pairing, as a device in Secure Connections Only mode does (Vol 3 Part C §10.2.4). */
  readonly secureConnectionsOnly?: boolean;
  /** True: a subscription that a bonded central ends costs it the bond, as with newer Omron cuffs. */
  readonly unsubscribingDestroysBond?: boolean;
  /** True: discovery on a link that is not encrypted switches it off, as with A&D devices. */
  readonly powersOffWhenDiscoveredUnpaired?: boolean;
}

export interface DeviceBond {
  readonly key: Buffer;
  readonly diversifier: Buffer;
  readonly random: Buffer;
  /** The key was made with a passkey. */
  readonly authenticated: boolean;
  /** Client Characteristic Configurations by value handle. */
  readonly subscriptions: Map<number, number>;
}

export class DeviceSecurity {
  readonly options: SecurityOptions;
  /** Identity Resolving Key, all zeros where the device hands out such a one; undefined when it has none. */
  readonly identityKey: Buffer | undefined;
  /** By address of the central. */
  readonly bonds = new Map<string, DeviceBond>();

  constructor(options: SecurityOptions) {
    this.options = options;
    const { identity } = options;
    this.identityKey = identity && (identity === 'zero' ? Buffer.alloc(16) : randomBytes(16));
  }

  /** A new private address that the holder of the identity key can resolve. */
  nextAddress(): string {
    if (this.options.identity !== 'rotates') throw new RangeError('the device has no identity key');
    return resolvableAddress(this.identityKey ?? Buffer.alloc(16), randomBytes(3));
  }
}
