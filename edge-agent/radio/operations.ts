/**
 * noble's operations as promises that always settle. noble's own never do when the link ends (defect 1), when the
 * peripheral answers with an ATT error (defects 4 and 5), or when it does not answer at all.
 *
 * Operations on one peripheral run one after the other, so an ATT error belongs to the one that is running. After a
 * timeout the link is of no more use (Core 5.2 Vol 3 Part F §3.3.3) and must be ended by the caller.
 */
import type { AttError, NobleCharacteristic, NoblePeripheral, NobleService } from './noble-internals.ts';

export type RadioErrorKind = 'disconnected' | 'att-error' | 'timeout' | 'refused' | 'pairing';

/** Why an operation failed. `code` is the ATT error, or the HCI reason of a disconnection, where one is known. */
export class RadioError extends Error {
  readonly kind: RadioErrorKind;
  readonly code: number | undefined;

  constructor(kind: RadioErrorKind, operation: string, code?: number) {
    super(code === undefined ? `${operation}: ${kind}` : `${operation}: ${kind} 0x${code.toString(16)}`);
    this.name = 'RadioError';
    this.kind = kind;
    this.code = code;
  }
}

const READ = 0x0a;
const READ_BLOB = 0x0c;
const READ_BY_TYPE = 0x08;
const READ_BY_GROUP = 0x10;
const WRITE = 0x12;
const PREPARE_WRITE = 0x16;
const EXECUTE_WRITE = 0x18;
const INVALID_OFFSET = 0x07;
const ATTRIBUTE_NOT_FOUND = 0x0a;
const ATTRIBUTE_NOT_LONG = 0x0b;

interface Operation<T> {
  readonly name: string;
  /** True for an ATT error that ends this operation; others belong to the protocol, such as the end of a list. */
  readonly isFatal: (error: AttError) => boolean;
  /** Starts it and calls `done` once; returns how to stop listening. */
  readonly start: (done: (value: T) => void) => () => void;
}

const running = new WeakMap<NoblePeripheral, Promise<unknown>>();

function run<T>(peripheral: NoblePeripheral, timeoutMs: number, operation: Operation<T>): Promise<T> {
  const before = running.get(peripheral) ?? Promise.resolve();
  const result = before.then(() => runNow(peripheral, timeoutMs, operation));
  running.set(
    peripheral,
    result.catch(() => undefined),
  );
  return result;
}

function runNow<T>(peripheral: NoblePeripheral, timeoutMs: number, operation: Operation<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    if (peripheral.state !== 'connected') {
      reject(new RadioError('disconnected', operation.name));
      return;
    }
    let settled = false;
    let stop: (() => void) | undefined;
    const settle = () => {
      settled = true;
      clearTimeout(timer);
      peripheral.off('disconnect', onDisconnect);
      peripheral.off('attError', onAttError);
      stop?.();
    };
    const fail = (kind: RadioErrorKind, code?: number) => {
      settle();
      reject(new RadioError(kind, operation.name, code));
    };
    const onDisconnect = (reason?: number) => fail('disconnected', reason);
    const onAttError = (error: AttError) => {
      if (operation.isFatal(error)) fail('att-error', error.code);
    };
    const timer = setTimeout(() => fail('timeout'), timeoutMs);
    peripheral.on('disconnect', onDisconnect);
    peripheral.on('attError', onAttError);
    stop = operation.start((value) => {
      settle();
      resolve(value);
    });
    if (settled) stop();
  });
}

/** Primary services with these UUIDs (as noble writes them) that the peripheral has. */
export function discoverServices(
  peripheral: NoblePeripheral,
  uuids: readonly string[],
  timeoutMs: number,
): Promise<NobleService[]> {
  return run(peripheral, timeoutMs, {
    name: 'discover services',
    isFatal: ({ request, code }) => request === READ_BY_GROUP && code !== ATTRIBUTE_NOT_FOUND,
    start(done) {
      peripheral.once('servicesDiscover', done);
      peripheral.discoverServices(uuids);
      return () => peripheral.off('servicesDiscover', done);
    },
  });
}

/** All characteristics of a service. */
export function discoverCharacteristics(
  peripheral: NoblePeripheral,
  service: NobleService,
  timeoutMs: number,
): Promise<NobleCharacteristic[]> {
  return run(peripheral, timeoutMs, {
    name: 'discover characteristics',
    isFatal: ({ request, code }) => request === READ_BY_TYPE && code !== ATTRIBUTE_NOT_FOUND,
    start(done) {
      service.once('characteristicsDiscover', done);
      service.discoverCharacteristics([]);
      return () => service.off('characteristicsDiscover', done);
    },
  });
}

/**
 * Reads a value, however long. `take` gets a copy of it within the event in which its last packet arrived, so that the
 * transport's clock still shows that packet's time.
 */
export function readValue<T>(
  peripheral: NoblePeripheral,
  characteristic: NobleCharacteristic,
  timeoutMs: number,
  take: (value: Uint8Array) => T,
): Promise<T> {
  return run(peripheral, timeoutMs, {
    name: 'read',
    isFatal: ({ request, code }) =>
      // A value that just fills the last packet may end in either of these (§3.4.4.5): then it is complete.
      request === READ || (request === READ_BLOB && code !== INVALID_OFFSET && code !== ATTRIBUTE_NOT_LONG),
    start(done) {
      const onRead = (value: Buffer, isNotification: boolean) => {
        if (!isNotification) done(take(Uint8Array.from(value)));
      };
      characteristic.on('read', onRead);
      characteristic.read();
      return () => characteristic.off('read', onRead);
    },
  });
}

/** Writes a value with response. */
export function writeValue(
  peripheral: NoblePeripheral,
  characteristic: NobleCharacteristic,
  value: Uint8Array,
  timeoutMs: number,
): Promise<void> {
  return run(peripheral, timeoutMs, {
    name: 'write',
    isFatal: ({ request }) => request === WRITE || request === PREPARE_WRITE || request === EXECUTE_WRITE,
    start(done) {
      const onWrite = () => done();
      characteristic.once('write', onWrite);
      characteristic.write(Buffer.from(value), false);
      return () => characteristic.off('write', onWrite);
    },
  });
}

/** Asks for notifications, or indications where there are no notifications. Without a CCCD: att-error 0x0a. */
export function subscribe(
  peripheral: NoblePeripheral,
  characteristic: NobleCharacteristic,
  timeoutMs: number,
): Promise<void> {
  return run(peripheral, timeoutMs, {
    name: 'subscribe',
    isFatal: ({ request }) => request === READ_BY_TYPE || request === WRITE,
    start(done) {
      const onNotify = () => done();
      characteristic.once('notify', onNotify);
      characteristic.notify(true);
      return () => characteristic.off('notify', onNotify);
    },
  });
}
