/**
 * The part of `harden-noble.ts` that discovers (Core 5.2 Vol 3 Part G §4.4.1, §4.6.1) in the place of noble (defect 11), which
 * kept one service of each UUID, and one characteristic of each UUID in it. Handles that do not rise end a list: noble would
 * have asked for ever.
 */
import { attributeKey, uuidOf } from './attribute-keys.ts';
import type { Gatt } from './noble-internals.ts';

const READ_BY_TYPE_RESPONSE = 0x09;
const READ_BY_GROUP_RESPONSE = 0x11;
const PRIMARY_SERVICE = 0x2800;
const CHARACTERISTIC = 0x2803;
const LAST_HANDLE = 0xffff;

/** noble's names of the property bits (§3.3.1.1), from bit 0. */
const PROPERTIES = [
  'broadcast',
  'read',
  'writeWithoutResponse',
  'write',
  'notify',
  'indicate',
  'authenticatedSignedWrites',
  'extendedProperties',
];

export function hardenDiscovery(prototype: Gatt): void {
  prototype.discoverServices = function (this: Gatt, uuids) {
    const request = (start: number) => this.readByGroupRequest(start, LAST_HANDLE, PRIMARY_SERVICE);
    readList(this, { start: 1, end: LAST_HANDLE, request, response: READ_BY_GROUP_RESPONSE }, readService, (found) => {
      const keys = new Set<string>();
      for (const { uuid, startHandle, endHandle } of found) {
        const key = attributeKey(uuid, startHandle, keys);
        keys.add(key);
        this._services[key] = { uuid: key, startHandle, endHandle };
      }
      const wanted = [...keys].filter((key) => uuids.length === 0 || uuids.includes(uuidOf(key)));
      this.emit('servicesDiscover', this._address, wanted);
    });
  };

  prototype.discoverCharacteristics = function (this: Gatt, service, uuids) {
    const { startHandle: start, endHandle: end } = this._services[service] ?? { startHandle: 1, endHandle: 0 };
    const request = (from: number) => this.readByTypeRequest(from, end, CHARACTERISTIC);
    readList(this, { start, end, request, response: READ_BY_TYPE_RESPONSE }, readCharacteristic, (found) => {
      const known: Gatt['_characteristics'][string] = {};
      this._characteristics[service] = known;
      this._descriptors[service] = {};
      const keys = new Set<string>();
      for (const [index, { uuid, startHandle, endHandle: valueHandle, properties }] of found.entries()) {
        const key = attributeKey(uuid, startHandle, keys);
        keys.add(key);
        const endHandle = (found[index + 1]?.startHandle ?? end + 1) - 1;
        known[key] = { uuid: key, startHandle, endHandle, valueHandle, properties };
      }
      const wanted = [...keys].filter((key) => uuids.length === 0 || uuids.includes(uuidOf(key)));
      const described = wanted.map((key) => ({
        uuid: key,
        properties: PROPERTIES.filter((_, bit) => ((known[key]?.properties ?? 0) & (1 << bit)) !== 0),
      }));
      this.emit('characteristicsDiscover', this._address, service, described);
    });
  };
}

interface Entry {
  readonly uuid: string;
  readonly startHandle: number;
  /** Handle behind which the next request goes on: the last of a service, the value of a characteristic. */
  readonly endHandle: number;
  readonly properties: number;
}

interface List {
  readonly start: number;
  readonly end: number;
  readonly request: (start: number) => Buffer;
  readonly response: number;
}

/** Asks until the list is at its end, and hands over all entries. */
function readList(
  gatt: Gatt,
  list: List,
  read: (entry: Buffer) => Entry | undefined,
  done: (all: Entry[]) => void,
): void {
  const all: Entry[] = [];
  const ask = (start: number): void => {
    gatt._queueCommand(list.request(start), (data) => {
      let next = start;
      for (const octets of data[0] === list.response ? split(data) : []) {
        const entry = read(octets);
        if (!entry || entry.startHandle < next || entry.endHandle < entry.startHandle) break;
        all.push(entry);
        next = entry.endHandle + 1;
      }
      if (next > start && next <= list.end) ask(next);
      else done(all);
    });
  };
  if (list.start <= list.end) ask(list.start);
  else done(all);
}

/** Entries of a list response; that they are of one length was looked at before. */
function split(data: Buffer): Buffer[] {
  const size = data.readUInt8(1);
  return Array.from({ length: (data.length - 2) / size }, (_, i) => data.subarray(2 + i * size, 2 + (i + 1) * size));
}

function readService(octets: Buffer): Entry | undefined {
  const uuid = readUuid(octets.subarray(4));
  return uuid === undefined
    ? undefined
    : { uuid, startHandle: octets.readUInt16LE(0), endHandle: octets.readUInt16LE(2), properties: 0 };
}

function readCharacteristic(octets: Buffer): Entry | undefined {
  const uuid = octets.length < 5 ? undefined : readUuid(octets.subarray(5));
  return uuid === undefined
    ? undefined
    : {
        uuid,
        startHandle: octets.readUInt16LE(0),
        endHandle: octets.readUInt16LE(3),
        properties: octets.readUInt8(2),
      };
}

/** As noble writes it; undefined for what has neither 2 nor 16 octets. */
function readUuid(octets: Buffer): string | undefined {
  if (octets.length === 2) return octets.readUInt16LE(0).toString(16);
  return octets.length === 16 ? Buffer.from(octets).reverse().toString('hex') : undefined;
}
