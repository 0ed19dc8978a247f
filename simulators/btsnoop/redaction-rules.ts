/** What of a recording may be kept: a list of what may, so that what nobody thought of is not. */
import type { Uuid } from '../hci/gatt-database.ts';
import { COMPLETE_NAME, SHORTENED_NAME } from './advertising-names.ts';

/** Declarations (Core 5.2 Vol 3 Part G §3) and descriptors that say nothing of a person. */
const STRUCTURE = [0x2800, 0x2801, 0x2802, 0x2803, 0x2900, 0x2902, 0x2903, 0x2904, 0x2905, 0x2906, 0x2908];

/** Characteristics of the Bluetooth Assigned Numbers that hold measurements, or what is true of all devices of a kind. */
const MEASUREMENTS_AND_KINDS = [
  ...[0x2a01, 0x2a04, 0x2a05, 0x2b29, 0x2b2a, 0x2b3a], // generic access and attribute
  ...[0x2a24, 0x2a26, 0x2a27, 0x2a28, 0x2a29, 0x2a2a, 0x2a50], // device information: no serial number, no System ID
  ...[0x2a19, 0x2bed], // battery
  ...[0x2a08, 0x2a0d, 0x2a0e, 0x2a0f, 0x2a14, 0x2a2b, 0x2b90, 0x2bf2], // time
  ...[0x2a1c, 0x2a1d, 0x2a1e, 0x2a21], // temperature
  ...[0x2a35, 0x2a36, 0x2a49, 0x2b34, 0x2b35, 0x2b36], // blood pressure
  ...[0x2a37, 0x2a38, 0x2a39], // heart rate
  ...[0x2a18, 0x2a34, 0x2a51, 0x2a52], // glucose, stored records
  ...[0x2aa7, 0x2aa8, 0x2aa9, 0x2aaa, 0x2aab, 0x2aac], // continuous glucose
  ...[0x2a5e, 0x2a5f, 0x2a60], // pulse oximetry
  ...[0x2a9b, 0x2a9c, 0x2a9d, 0x2a9e], // weight and body composition
  ...[0x2a53, 0x2a54, 0x2a5b, 0x2a5c, 0x2a5d], // running and cycling
  ...[0x2b8b], // generic health sensor
];
const KEPT: ReadonlySet<Uuid> = new Set([...STRUCTURE, ...MEASUREMENTS_AND_KINDS]);

export const DEVICE_NAME = 0x2a00;

/**
 * Values that name a person, a device or its address, so that they are looked for everywhere: Device Name, Reconnection
 * Address, System ID, Serial Number, first and last name, e-mail address, object and registered user names, UDI.
 */
const IDENTIFYING: ReadonlySet<Uuid> = new Set([
  ...[DEVICE_NAME, 0x2a03, 0x2a23, 0x2a25, 0x2a8a, 0x2a90, 0x2a87, 0x2abe, 0x2b37, 0x2bff],
]);

/** Whether values of a type are kept as they are; 128-bit UUIDs and those of companies never are by default. */
export function isKept(uuid: Uuid | undefined, alsoKeep: ReadonlySet<Uuid>): boolean {
  return uuid !== undefined && !IDENTIFYING.has(uuid) && (KEPT.has(uuid) || alsoKeep.has(uuid));
}

export function isIdentifying(uuid: Uuid): boolean {
  return IDENTIFYING.has(uuid);
}

/** Names in advertising data; 0x30 is the name of a broadcast (Bluetooth Assigned Numbers, common data types). */
export function isAdvertisedName(type: number): boolean {
  return type === SHORTENED_NAME || type === COMPLETE_NAME || type === 0x30;
}

/** Kept of advertising data: flags, service UUIDs, power, interval, appearance. */
const KEPT_STRUCTURES = new Set([
  ...[0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x0a, 0x12, 0x14, 0x15, 0x19, 0x1a, 0x1f],
]);

/** Service data and manufacturer data: measurements of some devices, serial numbers of others. */
export function isBroadcast(type: number): boolean {
  return type === 0x16 || type === 0x20 || type === 0x21 || type === 0xff;
}

export function isKeptStructure(type: number): boolean {
  return KEPT_STRUCTURES.has(type);
}

/** What stands where a name stood: as long as the name, so that nothing else moves. */
export function writeTestName(bytes: Uint8Array, start: number, end: number): void {
  const text = 'HTEST device ';
  for (let at = start; at < end; at++) bytes[at] = text.charCodeAt((at - start) % text.length);
}
