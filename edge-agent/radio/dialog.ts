/**
 * What a procedure, such as fetching records or setting a clock, may do with the device of one connection: read, write,
 * and hear what comes meanwhile. Every operation settles: with what the device answered, or with a {@link RadioError}
 * when the link is gone or hangs.
 */
import type { NobleCharacteristic, NoblePeripheral } from './noble-internals.ts';
import { RadioError, readValue, subscribe, writeValue } from './operations.ts';
import type { Profile, Uuid } from './profiles.ts';
import type { RadioLog } from './radio-events.ts';

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
  /** What carries the records that the device is being asked for. */
  readonly asked: Set<Found>;
  /** Resolves, with the reason, when the link has ended. */
  readonly ended: Promise<string>;
}

export interface DialogOptions {
  readonly peripheral: NoblePeripheral;
  readonly timeoutMs: number;
  readonly ended: Promise<string>;
  readonly log: RadioLog;
}

/** A dialog, and the ends that its link keeps: what was found, and what is heard. */
export interface OpenDialog extends Dialog {
  found: readonly Found[];
  /** Tells whoever listens. */
  tell(heard: HeardValue): void;
}

/** A dialog over noble's operations. */
export function openDialog({ peripheral, timeoutMs, ended, log }: DialogOptions): OpenDialog {
  const listeners = new Set<(heard: HeardValue) => void>();
  /** A refusal by the device is a value; a link that is gone or hangs is an error. */
  const attempt = async <T, R>(operation: Promise<T>, refused: (code: number | undefined) => R): Promise<T | R> => {
    try {
      return await operation;
    } catch (error) {
      if (!(error instanceof RadioError) || error.kind !== 'att-error') throw error;
      log({ event: 'operation-refused', ...(error.code !== undefined && { code: error.code }) });
      return refused(error.code);
    }
  };
  return {
    found: [],
    asked: new Set(),
    ended,
    read: ({ characteristic }, take) =>
      attempt(readValue(peripheral, characteristic, timeoutMs, take), () => undefined),
    write: ({ characteristic }, value) =>
      attempt(
        writeValue(peripheral, characteristic, value, timeoutMs).then(() => undefined),
        (code) => code ?? UNLIKELY,
      ),
    subscribe: ({ characteristic }) =>
      attempt(
        subscribe(peripheral, characteristic, timeoutMs).then(() => true),
        () => false,
      ),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    tell(heard) {
      for (const listener of [...listeners]) listener(heard);
    },
  };
}

/** ATT error for a refusal that gave no reason: Unlikely Error (Core 5.2 Vol 3 Part F §3.4.1.1). */
const UNLIKELY = 0x0e;

/** The characteristic with this UUID, in this service where one is given. */
export function findIn(found: readonly Found[], uuid: Uuid, service?: Uuid): Found | undefined {
  return found.find((one) => one.uuid === uuid && (service === undefined || one.profile.service === service));
}

/** Whether a characteristic can be written with a response. */
export function isWritable({ characteristic }: Found): boolean {
  return characteristic.properties.includes('write');
}
