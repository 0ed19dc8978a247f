/** What noble says of an advertisement, in the radio's words. */
import type { NoblePeripheral } from './noble-internals.ts';
import type { Advertised } from './radio-events.ts';

/** `address`: what the device is called here. */
export function describeAdvertised({ addressType, advertisement, rssi }: NoblePeripheral, address: string): Advertised {
  const { localName, serviceUuids = [] } = advertisement;
  return {
    address,
    addressType,
    ...(localName !== undefined && { localName }),
    serviceUuids: serviceUuids.filter((uuid) => uuid.length <= 4).map((uuid) => Number.parseInt(uuid, 16)),
    rssi,
  };
}
