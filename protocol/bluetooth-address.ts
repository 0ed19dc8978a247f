/** Bluetooth device addresses: text for people and maps, six octets on the wire, most significant first in both. */
import { decodeHex, encodeHex } from './bytes.ts';
import type { CborFields } from './cbor.ts';
import { Fault } from './fault.ts';

export type AddressType = 'public' | 'random';

/** A device as the radio tells it from others (Core 5.2 Vol 6 Part B §1.3). */
export interface DeviceAddress {
  /** Lower case with colons. */
  readonly address: string;
  readonly addressType: AddressType;
}

/** Six octets of `aa:bb:cc:dd:ee:ff`, either case. Throws `malformed`. */
export function addressToBytes(address: string): Uint8Array {
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(address)) throw new Fault('malformed', 'not a Bluetooth address');
  return decodeHex(address.replaceAll(':', ''));
}

export function addressFromBytes(octets: Uint8Array): string {
  return encodeHex(octets).match(/../g)!.join(':');
}

/** Two fields of a map: six octets under `key`, and true for a random address under `key + 1`. */
export function readAddress(fields: CborFields, key: number): DeviceAddress {
  return {
    address: addressFromBytes(fields.bytes(key, 6)),
    addressType: fields.bool(key + 1) ? 'random' : 'public',
  };
}
