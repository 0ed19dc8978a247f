/** The attribute table of a device, learned from what a central discovered and read (Core 5.2 Vol 3 Part G §4). */
import * as att from '../hci/att-codes.ts';
import type { Uuid } from '../hci/gatt-database.ts';
import {
  type AttPdu,
  attValues,
  READ_BLOB_RESPONSE,
  READ_BY_TYPE_RESPONSE,
  READ_RESPONSE,
  u16At,
} from './att-values.ts';

export const PRIMARY_SERVICE = 0x2800;
export const CHARACTERISTIC = 0x2803;
/** No attribute is longer (Vol 3 Part F §3.2.9). */
const MAX_VALUE = 512;
/** The Bluetooth Base UUID, behind whose first four octets 16-bit UUIDs are short for 128-bit ones (Vol 3 Part B §2.5.1). */
const BASE_UUID = '-0000-1000-8000-00805f9b34fb';

/** What a central knew without asking: phones remember the tables of devices that they are bonded with. */
export interface CachedCharacteristic {
  readonly service: Uuid;
  readonly characteristic: Uuid;
}

export interface KnownService {
  readonly handle: number;
  readonly end: number;
  readonly uuid: Uuid;
}

export interface KnownCharacteristic {
  /** Of the value. */
  readonly handle: number;
  readonly uuid: Uuid;
  /** The octet of properties (Vol 3 Part G §3.3.1.1). */
  readonly properties: number;
}

export class AttributeTable {
  readonly services = new Map<number, KnownService>();
  readonly characteristics = new Map<number, KnownCharacteristic>();
  /** What was read, by handle: the first reading of each. */
  readonly values = new Map<number, Uint8Array>();
  readonly cached: ReadonlyMap<number, CachedCharacteristic>;
  readonly #types = new Map<number, Uuid>();

  /** `cached`: characteristics by value handle; they win over what was discovered. */
  constructor(cached: ReadonlyMap<number, CachedCharacteristic> = new Map()) {
    this.cached = cached;
  }

  /** UUID of the characteristic value or descriptor at a handle, as far as it is known. */
  typeOf(handle: number): Uuid | undefined {
    return this.cached.get(handle)?.characteristic ?? this.characteristics.get(handle)?.uuid ?? this.#types.get(handle);
  }

  /** Service of a value handle. */
  serviceOf(handle: number): Uuid | undefined {
    const cached = this.cached.get(handle)?.service;
    if (cached !== undefined) return cached;
    for (const service of this.services.values()) {
      if (handle > service.handle && handle <= service.end) return service.uuid;
    }
    return undefined;
  }

  /** Learns from one PDU. */
  learn(pdu: AttPdu): void {
    const values = attValues(pdu);
    if (!values || pdu.direction !== 'received') return;
    const { bytes, request } = pdu;
    if (bytes[0] === att.FIND_INFORMATION + 1) this.#learnTypes(bytes);
    if (bytes[0] === att.FIND_BY_TYPE_VALUE + 1 && request) this.#learnService(bytes, request);
    for (const { handle, type, start, end, offset } of values) {
      if (handle === undefined) continue;
      const value = bytes.slice(start, end);
      if (type) this.#learnTyped(handle, decodeUuid(type), value, u16At(bytes, start - 2));
      if (bytes[0] === READ_RESPONSE || bytes[0] === READ_BY_TYPE_RESPONSE) {
        if (!this.values.has(handle)) this.values.set(handle, value);
      } else if (bytes[0] === READ_BLOB_RESPONSE) {
        const before = this.values.get(handle);
        if (before?.length !== offset || offset + value.length > MAX_VALUE) continue;
        this.values.set(handle, Uint8Array.from([...before, ...value]));
      }
    }
  }

  #learnTypes(bytes: Uint8Array): void {
    const size = bytes[1] === 1 ? 4 : 18;
    for (let at = 2; at + size <= bytes.length; at += size) {
      const uuid = decodeUuid(bytes.subarray(at + 2, at + size));
      if (uuid !== undefined) this.#types.set(u16At(bytes, at), uuid);
    }
  }

  #learnService(bytes: Uint8Array, request: Uint8Array): void {
    const uuid = decodeUuid(request.subarray(7));
    if (u16At(request, 5) !== PRIMARY_SERVICE || uuid === undefined) return;
    for (let at = 1; at + 4 <= bytes.length; at += 4) {
      const handle = u16At(bytes, at);
      this.services.set(handle, { handle, end: u16At(bytes, at + 2), uuid });
    }
  }

  #learnTyped(handle: number, type: Uuid | undefined, value: Uint8Array, end: number): void {
    if (type === undefined) return;
    if (type === PRIMARY_SERVICE) {
      const uuid = decodeUuid(value);
      if (uuid !== undefined) this.services.set(handle, { handle, end, uuid });
    } else if (type === CHARACTERISTIC) {
      const uuid = decodeUuid(value.subarray(3));
      const of = u16At(value, 1);
      if (uuid !== undefined) this.characteristics.set(of, { handle: of, uuid, properties: value[0]! });
    }
    this.#types.set(handle, type);
  }
}

/** UUID of 2 or 16 octets as they travel; undefined for another length. */
export function decodeUuid(octets: Uint8Array): Uuid | undefined {
  if (octets.length === 2) return u16At(octets, 0);
  if (octets.length !== 16) return undefined;
  const hex = Buffer.from(octets).reverse().toString('hex');
  const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  if (uuid.startsWith('0000') && uuid.endsWith(BASE_UUID)) return Number.parseInt(uuid.slice(4, 8), 16);
  return uuid;
}
