/**
 * A recording without what is nobody else's business. Only packets that are known to be harmless are kept, of one
 * device; in these, names, addresses and keys that occur anywhere in the recording are looked for and wiped.
 */
import { addressOf } from '../addresses.ts';
import * as att from '../hci/att-codes.ts';
import type { Uuid } from '../hci/gatt-database.ts';
import { CID_ATT, CID_SIGNALING, encodeAddress } from '../hci/hci-packets.ts';
import { AttExchange, type AttPdu, attValues } from './att-values.ts';
import { AttributeTable, type CachedCharacteristic, decodeUuid } from './attribute-table.ts';
import type { CaptureRecord } from './btsnoop-file.ts';
import { type CapturedLink, stepsOf } from './capture-steps.ts';
import { findSecrets } from './find-secrets.ts';
import { encodeReports, redactConnection, redactHci } from './redact-hci.ts';
import { DEVICE_NAME, isKept, writeTestName } from './redaction-rules.ts';
import type { SecretScan } from './secret-scan.ts';

export interface RedactOptions {
  /** Address of the one device that is kept, six octets in hex with colons. */
  readonly keep: string;
  /** What the recording does not name, as in `extractPeripheral`; values of unnamed attributes are not kept. */
  readonly cached?: ReadonlyMap<number, CachedCharacteristic>;
  /** Further characteristics whose values are kept, for a device that measures by ones of its own. */
  readonly alsoKeep?: Iterable<Uuid>;
  /** Keeps service data and manufacturer data of advertisements, for a device that measures in these. */
  readonly keepBroadcasts?: boolean;
}

export interface Redaction {
  readonly records: readonly CaptureRecord[];
  /** Address of the device now: random static, and the same for all that is imported. */
  readonly address: string;
  /** Records left out. */
  readonly dropped: number;
  /** Values that were replaced by zeros or by a test name. */
  readonly blanked: number;
}

/** Length of the two L2CAP signals about connection parameters, by code (Core 5.2 Vol 3 Part A §4.20, §4.21). */
const PARAMETER_SIGNALS: Readonly<Record<number, number>> = { 18: 12, 19: 6 };

/**
 * Redacts a recording. Kept are: the device's advertisements, with test names; its links; discovery; values of the
 * health profiles; commands and events about these. Its address is replaced. Values of other attributes are zeros in
 * reads and writes, and left out as notifications. Pairing, keys, other devices, and what a device asks of the central,
 * are left out. Times are not changed.
 */
export function redact(records: readonly CaptureRecord[], options: RedactOptions): Redaction {
  const keep = options.keep.toLowerCase();
  const tables = new Map<string, AttributeTable>();
  const tableOf = ({ address }: CapturedLink): AttributeTable => {
    const known = tables.get(address) ?? new AttributeTable(address === keep ? options.cached : undefined);
    tables.set(address, known);
    return known;
  };
  learnTables(records, tableOf);
  const secrets = findSecrets(records, tableOf);
  const address = addressOf('imported HTEST');
  const octets = encodeAddress(address);
  const pdus = new PduRedactor(secrets, new Set(options.alsoKeep));

  const kept = new Map<number, Uint8Array[]>();
  const handles = new Set<number>();
  const exchanges = new Map<CapturedLink, AttExchange>();
  for (const step of stepsOf(records)) {
    const { index, record } = step;
    if (step.kind === 'reports') {
      const own = step.reports.filter((report) => report.address === keep);
      kept.set(index, encodeReports(own, octets, { secrets, keepBroadcasts: options.keepBroadcasts ?? false }));
    } else if (step.kind === 'other') {
      const packet = record.cut ? undefined : redactHci(record, { keep: encodeAddress(keep), octets, handles });
      if (packet) kept.set(index, [packet]);
    } else if (step.kind === 'connected') {
      // A handle that is given anew belongs to whoever has it now.
      handles.delete(step.link.handle);
      if (step.link.address !== keep) continue;
      handles.add(step.link.handle);
      exchanges.set(step.link, new AttExchange());
      kept.set(index, [redactConnection(record.packet, octets)]);
    } else if (step.link.address !== keep) {
      // Another device's: left out.
    } else if (step.kind === 'disconnected') {
      handles.delete(step.link.handle);
      kept.set(index, [record.packet]);
    } else {
      const pdu = step.cid === CID_ATT && exchanges.get(step.link)!.take(record.direction, step.payload);
      const payload = pdu ? pdus.redact(pdu, tableOf(step.link)) : keptSignal(step.cid, step.payload);
      if (!payload) continue;
      // The L2CAP header of four octets is kept; the frame is cut where it was cut.
      let at = -4;
      for (const fragment of step.fragments) {
        const packet = Uint8Array.from(records[fragment]!.packet);
        for (let i = 5; i < packet.length; i++, at++) if (at >= 0) packet[i] = payload[at]!;
        kept.set(fragment, [packet]);
      }
    }
  }

  const redacted = records.flatMap(({ atUs, direction }, index) =>
    (kept.get(index) ?? []).map((packet) => ({ atUs, direction, packet, cut: false })),
  );
  const dropped = records.length - [...kept.values()].filter(({ length }) => length > 0).length;
  return { records: redacted, address, dropped, blanked: pdus.blanked };
}

function learnTables(records: readonly CaptureRecord[], tableOf: (link: CapturedLink) => AttributeTable): void {
  const exchanges = new Map<CapturedLink, AttExchange>();
  for (const step of stepsOf(records)) {
    if (step.kind === 'connected') exchanges.set(step.link, new AttExchange());
    if (step.kind !== 'frame' || step.cid !== CID_ATT) continue;
    const pdu = exchanges.get(step.link)?.take(step.record.direction, step.payload);
    if (pdu) tableOf(step.link).learn(pdu);
  }
}

function keptSignal(cid: number, payload: Uint8Array): Uint8Array | undefined {
  return cid === CID_SIGNALING && payload.length === PARAMETER_SIGNALS[payload[0] ?? 0] ? payload : undefined;
}

class PduRedactor {
  blanked = 0;
  readonly #secrets: SecretScan;
  readonly #alsoKeep: ReadonlySet<Uuid>;

  constructor(secrets: SecretScan, alsoKeep: ReadonlySet<Uuid>) {
    this.#secrets = secrets;
    this.#alsoKeep = alsoKeep;
  }

  /** The PDU with its values redacted; undefined when it is left out. */
  redact(pdu: AttPdu, table: AttributeTable): Uint8Array | undefined {
    const values = attValues(pdu);
    if (!values) return undefined;
    const bytes = Uint8Array.from(pdu.bytes);
    const wouldBeTaken = bytes[0] === att.NOTIFICATION || bytes[0] === att.INDICATION;
    for (const { handle, type, start, end, offset } of values) {
      const uuid = type ? decodeUuid(type) : handle === undefined ? undefined : table.typeOf(handle);
      const isHarmless = isKept(uuid, this.#alsoKeep) && !this.#secrets.wipe(bytes, start, end);
      if (isHarmless) continue;
      // Zeros would look like a measurement.
      if (wouldBeTaken) return undefined;
      if (start < end) this.blanked++;
      if (uuid === DEVICE_NAME && offset === 0) writeTestName(bytes, start, end);
      else if (!isKept(uuid, this.#alsoKeep)) bytes.fill(0, start, end);
    }
    return bytes;
  }
}
