/** What the radio tells the agent. Instants are milliseconds since the Unix epoch by the transport's clock. */

import type { SecurityFailure } from '../../protocol/devices/security-failure.ts';
import type { LinkSecurity } from '../../protocol/leaf.ts';

/** A connected device, introduced once per connection before anything it measures. Text is as the device gave it. */
export interface RadioDevice {
  /** Address in lower case with colons. */
  readonly id: string;
  readonly addressType: 'public' | 'random';
  /** Name in the advertisement. */
  readonly localName?: string;
  /** Strings of the Device Information service, where the device has them. */
  readonly manufacturer?: string;
  readonly model?: string;
  readonly serial?: string;
  readonly firmware?: string;
  /** Counts the connections to this device since the radio was opened, from 1. */
  readonly connection: number;
  /** How the link is secured when the device is introduced; a device that asks for it later is bonded by then. */
  readonly link: LinkSecurity;
}

/** A value that a device notified, indicated, or that was read from it. */
export interface RadioNotification {
  readonly device: string;
  readonly connection: number;
  /** How the link was secured when the value came. */
  readonly link: LinkSecurity;
  /** 16-bit UUID. */
  readonly characteristic: number;
  /** The octets as they came; a copy that belongs to the receiver. */
  readonly value: Uint8Array;
  /** CGM Session Start Time (2AAA) as read on this connection, where the device has it. */
  readonly sessionStart?: Uint8Array;
  /** Feature characteristic of the same service (e.g. CGM Feature 2AA8) as read on this connection. */
  readonly feature?: Uint8Array;
  /** It came while the device was asked for its records; left out where it came by itself. */
  readonly stored?: true;
  /** When its packet arrived. */
  readonly heardAt: number;
  /** Monotonic milliseconds of the gateway at the same moment. */
  readonly uptimeMs: number;
}

/**
 * A step in the life of a link: `heard` (advertising, first time since it was lost), `waiting` (it cannot
 * have a link for now: all are taken), `connecting`, `connected`, `subscribed` (measurements may come), `lost` (the end of an attempt or a connection, with the reason).
 */
export interface LinkChange {
  readonly device: string;
  readonly state: 'heard' | 'waiting' | 'connecting' | 'connected' | 'subscribed' | 'lost';
  readonly at: number;
  readonly reason?: string;
  /** With `lost`: why the link could not be secured, where that is why it was of no use. */
  readonly pairing?: { readonly failure: SecurityFailure; readonly code?: number };
  /**
   * With `subscribed` and with `lost`: on this link the device was asked for everything that it could measure, and offers
   * nothing of it in a way that we know, or refuses it all. With `subscribed`, its battery is heard at least.
   */
  readonly mute?: true;
}

/**
 * What came of securing a link. `paired`: a new bond was made; `encrypted`: that of an earlier link is in use; `stale`: the
 * device refused it; `fresh-bond-per-link`: it does so again and again, and is paired anew each time from now on;
 * `zero-irk`: it gave an identity key of all zeros, which would resolve to anybody and was not kept; `no-key`: it was paired
 * for this link only; `failed`: with the failure.
 */
export interface SecurityChange {
  readonly device: string;
  readonly what: 'paired' | 'encrypted' | 'stale' | 'fresh-bond-per-link' | 'zero-irk' | 'no-key' | 'failed';
  readonly at: number;
  readonly failure?: SecurityFailure;
  /** Reason of SMP or HCI, where there is one. */
  readonly code?: number;
}

/** What `wants` decides on. */
export interface Advertised {
  /** Lower case with colons; of a bonded device that changes its address, the one at which it was paired. */
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly localName?: string;
  /** The 16-bit service UUIDs of the advertisement, those of service data too; longer ones are left out. */
  readonly serviceUuids: readonly number[];
  /** dBm. */
  readonly rssi: number;
}

/** One piece of data in an advertisement. */
export interface BroadcastData {
  readonly kind: 'service' | 'manufacturer';
  /** 16-bit service UUID, or the identifier of the company. */
  readonly id: number;
  /** What follows the UUID, or all of the manufacturer's data, which begins with its identifier; a copy. */
  readonly octets: Uint8Array;
}

/** What a device said without a connection. The same comes again several times a second until there is something new. */
export interface Broadcast {
  /** Address in lower case with colons. */
  readonly device: string;
  readonly data: readonly BroadcastData[];
  readonly heardAt: number;
  /** Monotonic milliseconds of the gateway at the same moment. */
  readonly uptimeMs: number;
}

/** Receives what an operator may want to know; it names no device and no value. */
export type RadioLog = (line: {
  readonly event:
    | 'adapter-on'
    | 'adapter-off'
    | 'scan-restarted'
    | 'malformed-packet'
    | 'out-of-links'
    | 'operation-refused'
    | 'records-refused'
    | 'records-stalled'
    | 'records-not-stored'
    | 'user-consent-refused'
    | 'not-kept'
    | 'set-up-failed'
    | 'delivery-failed'
    | 'radio-ended'
    | 'radio-started-again';
  readonly code?: number;
  /** How often it has happened. */
  readonly count?: number;
}) => void;
