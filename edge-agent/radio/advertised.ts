/** What a peripheral's advertisement says, in our words. */
import type { NoblePeripheral } from './noble-internals.ts';
import type { Advertised, Broadcast, BroadcastData } from './radio-events.ts';

/** `address`: what the device is called here. */
export function describeAdvertised({ addressType, advertisement, rssi }: NoblePeripheral, address: string): Advertised {
  const { localName, serviceUuids = [], serviceData = [] } = advertisement;
  const uuids = [...serviceUuids, ...serviceData.map(({ uuid }) => uuid)].flatMap(shortUuid);
  return {
    address,
    addressType,
    ...(localName !== undefined && { localName }),
    serviceUuids: [...new Set(uuids)],
    rssi,
  };
}

/** The data of an advertisement, copied; undefined where it holds none. */
export function broadcastOf(
  { advertisement }: NoblePeripheral,
  device: string,
  heardAt: number,
  uptimeMs: number,
): Broadcast | undefined {
  const { serviceData = [], manufacturerData } = advertisement;
  const data: BroadcastData[] = serviceData.flatMap(({ uuid, data }) =>
    shortUuid(uuid).map((id) => ({ kind: 'service' as const, id, octets: Uint8Array.from(data) })),
  );
  // The company identifier comes first (Core Specification Supplement, Manufacturer Specific Data).
  if (manufacturerData && manufacturerData.length >= 2) {
    const id = manufacturerData.readUInt16LE(0);
    data.push({ kind: 'manufacturer', id, octets: Uint8Array.from(manufacturerData) });
  }
  return data.length === 0 ? undefined : { device, data, heardAt, uptimeMs };
}

/** 16-bit UUIDs as numbers; longer ones are left out. */
function shortUuid(uuid: string): number[] {
  return uuid.length <= 4 ? [Number.parseInt(uuid, 16)] : [];
}
