/**
 * The attribute table of a simulated device (Core 5.2 Vol 3 Part G §2.6), declared as services with characteristics.
 * Values are octets, or functions that give octets when they are read.
 */
import { u16 } from './hci-packets.ts';

/** 16-bit UUIDs are numbers (0x2a37), 128-bit ones strings with or without dashes. */
export type Uuid = number | string;

export type CharacteristicProperty = 'read' | 'writeWithoutResponse' | 'write' | 'notify' | 'indicate';

/** Bits of the properties octet (Vol 3 Part G §3.3.1.1). */
const PROPERTY_BITS: Readonly<Record<CharacteristicProperty, number>> = {
  read: 0x02,
  writeWithoutResponse: 0x04,
  write: 0x08,
  notify: 0x10,
  indicate: 0x20,
};

export interface CharacteristicDeclaration {
  readonly uuid: Uuid;
  readonly properties: readonly CharacteristicProperty[];
  readonly value?: Uint8Array | (() => Uint8Array);
  /** Called with what the central wrote; an ATT error code refuses it. */
  readonly onWrite?: (value: Uint8Array) => number | undefined;
  /** Reading, writing and subscribing need an encrypted link (ATT error 0x05 or 0x0f otherwise). */
  readonly secure?: boolean;
  /** They need a link whose key was made with a passkey (ATT error 0x05 otherwise). */
  readonly authenticated?: boolean;
  /** False leaves out the Client Characteristic Configuration descriptor, as some devices do. */
  readonly descriptor?: boolean;
}

export interface ServiceDeclaration {
  readonly uuid: Uuid;
  readonly characteristics: readonly CharacteristicDeclaration[];
}

/** One attribute. Its handle is its place in the table, from 1. */
export interface Attribute {
  readonly handle: number;
  readonly type: Buffer;
  readonly kind: 'service' | 'declaration' | 'value' | 'configuration';
  readonly secure: boolean;
  readonly authenticated: boolean;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly read: () => Buffer;
  readonly write: (value: Buffer) => number | undefined;
  /** Last handle of the group; services only. */
  end: number;
  /** Of a configuration: the handle of the value that it configures. */
  readonly configures?: number;
}

export const PRIMARY_SERVICE = 0x2800;
const CHARACTERISTIC = 0x2803;
const CLIENT_CONFIGURATION = 0x2902;

/** Octets of a UUID as they travel: least significant first, 2 or 16. */
export function encodeUuid(uuid: Uuid): Buffer {
  if (typeof uuid === 'number') return u16(uuid);
  const octets = Buffer.from(uuid.replaceAll('-', ''), 'hex').reverse();
  if (octets.length !== 16) throw new RangeError('not a 128-bit UUID');
  return octets;
}

export class GattDatabase {
  readonly attributes: readonly Attribute[];
  readonly #hidden = new Set<number>();

  constructor(services: readonly ServiceDeclaration[]) {
    const attributes: Attribute[] = [];
    for (const service of services) {
      const declaration = addFixed(attributes, PRIMARY_SERVICE, encodeUuid(service.uuid), 'service');
      for (const characteristic of service.characteristics) addCharacteristic(attributes, characteristic);
      declaration.end = attributes.length;
    }
    this.attributes = attributes;
  }

  /** Attribute of a handle, or undefined. */
  at(handle: number): Attribute | undefined {
    return this.#hidden.has(handle) ? undefined : this.attributes[handle - 1];
  }

  /** Attributes with handles from `start` to `end`. */
  between(start: number, end: number): readonly Attribute[] {
    return this.attributes.slice(start - 1, end).filter(({ handle }) => !this.#hidden.has(handle));
  }

  /** Takes attributes out, so that nobody finds or reaches them; what it gives puts them back. */
  hide(handles: readonly number[]): () => void {
    for (const handle of handles) this.#hidden.add(handle);
    return () => {
      for (const handle of handles) this.#hidden.delete(handle);
    };
  }

  /** Value handle of the first characteristic with this UUID; throws when the device does not have it. */
  handleOf(characteristic: Uuid): number {
    const type = encodeUuid(characteristic);
    const found = this.attributes.find((a) => a.kind === 'value' && a.type.equals(type));
    if (!found) throw new RangeError('the device has no such characteristic');
    return found.handle;
  }
}

function addFixed(attributes: Attribute[], type: number, value: Buffer, kind: Attribute['kind']): Attribute {
  const handle = attributes.length + 1;
  const attribute: Attribute = {
    handle,
    type: u16(type),
    kind,
    secure: false,
    authenticated: false,
    readable: true,
    writable: false,
    read: () => value,
    write: () => undefined,
    end: handle,
  };
  attributes.push(attribute);
  return attribute;
}

function addCharacteristic(attributes: Attribute[], declared: CharacteristicDeclaration): void {
  const type = encodeUuid(declared.uuid);
  const properties = declared.properties.reduce((bits, property) => bits | PROPERTY_BITS[property], 0);
  const handle = attributes.length + 2;
  addFixed(attributes, CHARACTERISTIC, Buffer.concat([Buffer.from([properties]), u16(handle), type]), 'declaration');

  const authenticated = declared.authenticated ?? false;
  const protection = { secure: authenticated || (declared.secure ?? false), authenticated };
  let written: Buffer | undefined;
  attributes.push({
    handle,
    type,
    kind: 'value',
    ...protection,
    readable: (properties & PROPERTY_BITS.read) !== 0,
    writable: (properties & (PROPERTY_BITS.write | PROPERTY_BITS.writeWithoutResponse)) !== 0,
    read() {
      const value = typeof declared.value === 'function' ? declared.value() : (written ?? declared.value);
      return Buffer.from(value ?? new Uint8Array());
    },
    write(value) {
      const refusal = declared.onWrite?.(Uint8Array.from(value));
      if (refusal === undefined) written = value;
      return refusal;
    },
    end: handle,
  });

  const sends = (properties & (PROPERTY_BITS.notify | PROPERTY_BITS.indicate)) !== 0;
  if (!sends || declared.descriptor === false) return;
  attributes.push({
    handle: handle + 1,
    type: u16(CLIENT_CONFIGURATION),
    kind: 'configuration',
    ...protection,
    readable: true,
    writable: true,
    // Per link, so the ATT server keeps it (Vol 3 Part G §3.3.3.3).
    read: () => Buffer.alloc(2),
    write: () => undefined,
    end: handle + 1,
    configures: handle,
  });
}
