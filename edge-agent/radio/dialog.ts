/**
 * What a procedure, such as fetching records or setting a clock, may do with the device of one connection: read, write,
 * and hear what comes meanwhile. Every operation settles: with what the device answered, or with a {@link RadioError}
 * when the link is gone or hangs.
 */
import type { NobleCharacteristic } from './noble-internals.ts';
import type { Profile, Uuid } from './profiles.ts';

/** A characteristic that the device has, in a service that the radio knows. */
export interface Found {
  readonly uuid: Uuid;
  readonly profile: Profile;
  readonly characteristic: NobleCharacteristic;
}

/** A value that was notified or indicated, and handed on where it is a measurement. */
export interface HeardValue {
  readonly found: Found;
  readonly value: Uint8Array;
  /** Resolves when the value is durable; rejects when it could not be made so. Resolved for what is no measurement. */
  readonly stored: Promise<unknown>;
}

export interface Dialog {
  readonly found: readonly Found[];
  /** `take` runs within the event in which the value arrived. Undefined when the device refused. */
  read<T>(found: Found, take: (value: Uint8Array) => T): Promise<T | undefined>;
  /** Undefined when the device accepted, else its ATT error code: an answer. */
  write(found: Found, value: Uint8Array): Promise<number | undefined>;
  /** Subscribes, or does so again. False when the device refused. */
  subscribe(found: Found): Promise<boolean>;
  /** Calls back for each value from now on; the result ends it. */
  listen(listener: (heard: HeardValue) => void): () => void;
  /** Resolves, with the reason, when the link has ended. */
  readonly ended: Promise<string>;
}

/** The characteristic with this UUID, in this service where one is given. */
export function findIn(found: readonly Found[], uuid: Uuid, service?: Uuid): Found | undefined {
  return found.find((one) => one.uuid === uuid && (service === undefined || one.profile.service === service));
}

/** Whether a characteristic can be written with a response. */
export function isWritable({ characteristic }: Found): boolean {
  return characteristic.properties.includes('write');
}
