/**
 * Joins what a device says in several values: a glucose measurement and its context, the two values of a long body
 * composition, the segments of records and observations. It stands between radio and observer and hands on one
 * notification for each measurement.
 *
 * A value is waited for only where the device may send the next without an answer. An indication is confirmed when its
 * promise resolves, and the next one comes only then: so the first of two body compositions is handed on at once, and the
 * second with it as companion; and a segment that is not the last resolves at once, since its device forgets a record
 * only when the last one is confirmed.
 */
import { Fault } from '../protocol/fault.ts';
import {
  decodeBloodPressureRecord,
  encodeBloodPressureRecord,
  joinRecordSegment,
  type RecordAssembly,
} from '../protocol/gatt/blood-pressure-record.ts';
import { decodeBodyCompositionMeasurement, mergeBodyComposition } from '../protocol/gatt/body-composition.ts';
import { decodeGhsSegment, encodeGhsSegment } from '../protocol/gatt/ghs.ts';
import { decodeGlucoseMeasurement } from '../protocol/gatt/glucose.ts';
import { decodeGlucoseContext } from '../protocol/gatt/glucose-context.ts';
import { type Assembly, joinSegment } from '../protocol/gatt/segments.ts';
import type { Notification } from './observe.ts';

/** How long a glucose measurement waits for the context that it announced. */
const HOLD_MS = 2000;

export interface AssemblerOptions {
  /** Takes a whole measurement; see {@link Observer.hear}. */
  readonly hear: (notification: Notification) => Promise<void>;
  /** Runs something later; what it returns undoes that. */
  readonly after: (ms: number, run: () => void) => () => void;
}

export interface AssemblerCounts {
  /** Records and observations of which a segment was missing. */
  lostRecords: number;
  /** Glucose measurements that went on without the context that they announced. */
  withoutContext: number;
}

export interface Assembler {
  readonly counts: Readonly<AssemblerCounts>;
  /**
   * Takes one value. Resolves when the readings that hold it are durable, or there is nothing to keep; a segment that is
   * not the last resolves at once. Rejects what {@link AssemblerOptions.hear} rejects.
   */
  hear(notification: Notification): Promise<void>;
  /** What waits goes on as it is. */
  goOn(): void;
  /** Nothing more comes on the link to a device: what waits goes on as it is, and half a record is dropped. */
  linkEnded(device: string): void;
  /** {@link linkEnded} for all devices. */
  end(): void;
}

/** A glucose measurement whose context is still to come. */
interface Held {
  readonly notification: Notification;
  readonly sequence: number;
  /** Hands it on, and settles its promise with what became of it. */
  readonly goOn: (companion?: Uint8Array) => Promise<void>;
}

/** What a link is in the middle of. */
interface Link {
  readonly connection: number | string;
  held: Held | undefined;
  /** The first of two values 2A9C. */
  bodyComposition: Uint8Array | undefined;
  record: RecordAssembly | null;
  /** By characteristic. */
  readonly observations: Map<number, Assembly>;
}

export function openAssembler({ hear, after }: AssemblerOptions): Assembler {
  const counts: AssemblerCounts = { lostRecords: 0, withoutContext: 0 };
  const links = new Map<string, Link>();

  function linkOf({ device, connection }: Notification): Link {
    const known = links.get(device.toLowerCase());
    if (known?.connection === connection) return known;
    linkEnded(device);
    const link = { connection, held: undefined, bodyComposition: undefined, record: null, observations: new Map() };
    links.set(device.toLowerCase(), link);
    return link;
  }

  function linkEnded(device: string): void {
    const link = links.get(device.toLowerCase());
    if (!link) return;
    links.delete(device.toLowerCase());
    letGo(link);
    counts.lostRecords += (link.record ? 1 : 0) + link.observations.size;
  }

  function letGo(link: Link): void {
    // Its failure is told to whoever waits for its promise.
    link.held?.goOn().catch(() => undefined);
  }

  function hearGlucose(link: Link, notification: Notification): Promise<void> {
    letGo(link);
    const decoded = readable(() => decodeGlucoseMeasurement(notification.value));
    if (!decoded?.contextFollows) return hear(notification);
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = after(HOLD_MS, () => letGo(link));
    const held: Held = {
      notification,
      sequence: decoded.sequence,
      goOn: (companion) => {
        cancel();
        if (link.held === held) link.held = undefined;
        if (!companion) counts.withoutContext++;
        const done = hear(companion ? { ...notification, companion } : notification);
        resolve(done);
        return done;
      },
    };
    link.held = held;
    return promise;
  }

  function hearContext({ held }: Link, notification: Notification): Promise<void> {
    const sequence = readable(() => decodeGlucoseContext(notification.value).sequence);
    return held && held.sequence === sequence ? held.goOn(notification.value) : hear(notification);
  }

  function hearBodyComposition(link: Link, notification: Notification): Promise<void> {
    const { value } = notification;
    const first = link.bodyComposition;
    const decoded = readable(() => decodeBodyCompositionMeasurement(value));
    const belongs = decoded && first && mergeBodyComposition(decodeBodyCompositionMeasurement(first), decoded);
    link.bodyComposition = decoded?.multiplePacket && !belongs ? value : undefined;
    return hear(belongs ? { ...notification, companion: first } : notification);
  }

  function hearRecord(link: Link, notification: Notification): Promise<void> {
    const segment = readable(() => decodeBloodPressureRecord(notification.value));
    if (!segment) return hear(notification);
    const { open, record, lost } = joinRecordSegment(link.record, segment);
    link.record = open;
    if (lost) counts.lostRecords++;
    if (!record) return Promise.resolve();
    if (segment.first) return hear(notification);
    return hear({ ...notification, value: encodeBloodPressureRecord({ ...record, ...WHOLE }) });
  }

  function hearObservation(link: Link, notification: Notification): Promise<void> {
    const { characteristic, value } = notification;
    const segment = readable(() => decodeGhsSegment(value));
    if (!segment) return hear(notification);
    const joined = joinSegment(link.observations.get(characteristic) ?? null, segment);
    if (joined.assembly) link.observations.set(characteristic, joined.assembly);
    else link.observations.delete(characteristic);
    if (joined.lost) counts.lostRecords++;
    if (!joined.value) return Promise.resolve();
    if (segment.first) return hear(notification);
    return hear({ ...notification, value: encodeGhsSegment({ ...WHOLE, data: joined.value }) });
  }

  const joiners: ReadonlyMap<number, (link: Link, notification: Notification) => Promise<void>> = new Map([
    [0x2a18, hearGlucose],
    [0x2a34, hearContext],
    [0x2a9c, hearBodyComposition],
    [0x2b36, hearRecord],
    [0x2b8b, hearObservation],
    [0x2bdd, hearObservation],
  ]);

  return {
    counts,
    hear(notification) {
      const join = notification.carrier === undefined ? joiners.get(notification.characteristic) : undefined;
      return join ? join(linkOf(notification), notification) : hear(notification);
    },
    goOn() {
      for (const link of links.values()) letGo(link);
    },
    linkEnded,
    end() {
      for (const device of [...links.keys()]) linkEnded(device);
    },
  };
}

/** docs/format.md §4.1: a joined value is one segment, first and last, with counter 0. */
const WHOLE = { first: true, last: true, counter: 0 };

/** What cannot be read goes on as it is, so that it is counted where values are read. */
function readable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** In real time: runs once after so long, unless what it gives is called before. */
export function later(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
