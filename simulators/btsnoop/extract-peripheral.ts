/** A device rebuilt from a recording: what it advertised, its attribute table, and when it said what. */
import { Fault } from '../../protocol/fault.ts';
import * as att from '../hci/att-codes.ts';
import type { CharacteristicProperty, Uuid } from '../hci/gatt-database.ts';
import { CID_ATT } from '../hci/hci-packets.ts';
import { nameIn } from './advertising-names.ts';
import { AttExchange } from './att-values.ts';
import { AttributeTable, type CachedCharacteristic } from './attribute-table.ts';
import type { CaptureRecord } from './btsnoop-file.ts';
import { type CapturedLink, stepsOf } from './capture-steps.ts';

export interface ExtractOptions {
  /** Of the device, six octets in hex with colons; may be left out when only one sent values. */
  readonly address?: string;
  /** By value handle: what the central knew without asking, as it does of devices it is bonded with. */
  readonly cached?: ReadonlyMap<number, CachedCharacteristic>;
}

export interface CapturedCharacteristic {
  /** Of the value. */
  readonly handle: number;
  readonly uuid: Uuid;
  readonly properties: readonly CharacteristicProperty[];
  /** As first read; undefined when nobody read it. */
  readonly value: Uint8Array | undefined;
}

export interface CapturedService {
  readonly uuid: Uuid;
  readonly characteristics: readonly CapturedCharacteristic[];
}

/** Something the device did; `at` in ms since the Unix epoch, by the recorder's clock. */
export type CapturedEvent =
  | {
      readonly kind: 'value';
      readonly at: number;
      readonly handle: number;
      readonly way: 'notify' | 'indicate';
      readonly value: Uint8Array;
      /** Undefined when the table does not name it. */
      readonly characteristic: Uuid | undefined;
    }
  | { readonly kind: 'connected'; readonly at: number }
  | { readonly kind: 'disconnected'; readonly at: number; readonly reason: number };

export interface CapturedPeripheral {
  readonly address: string;
  readonly addressType: 'public' | 'random';
  readonly advertisement: Uint8Array | undefined;
  readonly scanResponse: Uint8Array | undefined;
  /** dBm, of the last advertisement. */
  readonly rssi: number | undefined;
  /** In the order of their handles. */
  readonly services: readonly CapturedService[];
  readonly events: readonly CapturedEvent[];
}

/** Who is in a recording, in the order of appearance; for somebody to choose from. */
export interface CapturedDevice {
  readonly address: string;
  readonly name: string | undefined;
  readonly links: number;
  /** Notifications and indications. */
  readonly values: number;
}

export function listPeripherals(records: readonly CaptureRecord[]): CapturedDevice[] {
  const devices = new Map<string, { address: string; name: string | undefined; links: number; values: number }>();
  const deviceOf = (address: string) => {
    const known = devices.get(address) ?? { address, name: undefined, links: 0, values: 0 };
    devices.set(address, known);
    return known;
  };
  for (const step of stepsOf(records)) {
    if (step.kind === 'reports') {
      for (const { address, data } of step.reports) {
        const device = deviceOf(address);
        device.name = nameIn(data) ?? device.name;
      }
    } else if (step.kind === 'connected') {
      deviceOf(step.link.address).links++;
    } else if (step.kind === 'frame' && step.cid === CID_ATT && step.record.direction === 'received') {
      const opcode = step.payload[0];
      if (opcode === att.NOTIFICATION || opcode === att.INDICATION) deviceOf(step.link.address).values++;
    }
  }
  return [...devices.values()];
}

/**
 * Rebuilds one device. Throws `not-found` when the recording does not show it, or when no address is given and not
 * exactly one device sent values.
 */
export function extractPeripheral(
  records: readonly CaptureRecord[],
  { address, cached }: ExtractOptions = {},
): CapturedPeripheral {
  const wanted = (address ?? onlySpeaker(records)).toLowerCase();
  const table = new AttributeTable(cached);
  const exchanges = new Map<CapturedLink, AttExchange>();
  const events: CapturedEvent[] = [];
  let addressType: 'public' | 'random' | undefined;
  let advertisement: Uint8Array | undefined;
  let scanResponse: Uint8Array | undefined;
  let rssi: number | undefined;

  for (const step of stepsOf(records)) {
    const at = Math.floor(step.record.atUs / 1000);
    if (step.kind === 'reports') {
      for (const report of step.reports) {
        if (report.address !== wanted) continue;
        addressType = report.addressType;
        if (report.isScanResponse) scanResponse = report.data;
        else advertisement = report.data;
        if (report.rssi !== 127) rssi = report.rssi;
      }
      continue;
    }
    if (step.kind === 'other' || step.link.address !== wanted) continue;
    addressType ??= step.link.addressType;
    if (step.kind === 'connected') {
      exchanges.set(step.link, new AttExchange());
      events.push({ kind: 'connected', at });
    } else if (step.kind === 'disconnected') {
      exchanges.delete(step.link);
      events.push({ kind: 'disconnected', at, reason: step.reason });
    } else if (step.cid === CID_ATT) {
      const pdu = exchanges.get(step.link)!.take(step.record.direction, step.payload);
      table.learn(pdu);
      const value = pdu.direction === 'received' ? valueIn(pdu.bytes) : undefined;
      if (value) events.push({ kind: 'value', at, ...value, characteristic: undefined });
    }
  }
  if (addressType === undefined) throw new Fault('not-found', 'the recording does not show this device');
  const named = events.map((e) =>
    e.kind === 'value' ? { ...e, characteristic: characteristicAt(table, e.handle) } : e,
  );
  const services = servicesOf(table, named);
  return { address: wanted, addressType, advertisement, scanResponse, rssi, services, events: named };
}

/** Address of the one device that sent values; `not-found` when there is none or more than one. */
export function onlySpeaker(records: readonly CaptureRecord[]): string {
  const speakers = listPeripherals(records).filter(({ values }) => values > 0);
  if (speakers.length !== 1) throw new Fault('not-found', `${speakers.length} devices sent values: name one`);
  return speakers[0]!.address;
}

function valueIn(pdu: Uint8Array): { handle: number; way: 'notify' | 'indicate'; value: Uint8Array } | undefined {
  if (pdu.length < 3 || (pdu[0] !== att.NOTIFICATION && pdu[0] !== att.INDICATION)) return undefined;
  const way = pdu[0] === att.NOTIFICATION ? 'notify' : 'indicate';
  return { handle: pdu[1]! | (pdu[2]! << 8), way, value: pdu.slice(3) };
}

function characteristicAt(table: AttributeTable, handle: number): Uuid | undefined {
  return table.cached.get(handle)?.characteristic ?? table.characteristics.get(handle)?.uuid;
}

const PROPERTIES: readonly (readonly [number, CharacteristicProperty])[] = [
  [0x02, 'read'],
  [0x04, 'writeWithoutResponse'],
  [0x08, 'write'],
  [0x10, 'notify'],
  [0x20, 'indicate'],
];

/** What was discovered or remembered; of a characteristic whose properties nobody asked for, those it showed. */
function servicesOf(table: AttributeTable, events: readonly CapturedEvent[]): CapturedService[] {
  const shown = new Map<number, Set<CharacteristicProperty>>();
  const handles = new Set([...table.characteristics.keys(), ...table.cached.keys()]);
  for (const handle of handles) shown.set(handle, new Set(table.values.has(handle) ? ['read'] : []));
  for (const event of events) if (event.kind === 'value') shown.get(event.handle)?.add(event.way);

  const services = new Map<Uuid, CapturedCharacteristic[]>();
  for (const { uuid } of [...table.services.values()].sort((a, b) => a.handle - b.handle)) services.set(uuid, []);
  for (const handle of [...handles].sort((a, b) => a - b)) {
    const service = table.serviceOf(handle);
    const uuid = characteristicAt(table, handle);
    if (service === undefined || uuid === undefined) continue;
    const octet = table.characteristics.get(handle)?.properties;
    const properties =
      octet === undefined ? [...shown.get(handle)!] : PROPERTIES.filter(([bit]) => octet & bit).map(([, name]) => name);
    const characteristics = services.get(service) ?? [];
    services.set(service, characteristics);
    characteristics.push({ handle, uuid, properties, value: table.values.get(handle) });
  }
  return [...services].map(([uuid, characteristics]) => ({ uuid, characteristics }));
}
