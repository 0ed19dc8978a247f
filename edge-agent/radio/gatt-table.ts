/** What a connected device offers of what the radio knows. */
import { uuidOf } from './attribute-keys.ts';
import type { Found } from './dialog.ts';
import type { NobleStack } from './load-noble.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { discoverCharacteristics, discoverServices } from './operations.ts';
import type { Profile, Uuid } from './profiles.ts';

/** Characteristics of the services of `profiles`, in the order of the profiles. Throws RadioError. */
export async function discoverFound(
  peripheral: NoblePeripheral,
  profiles: readonly Profile[],
  timeoutMs: number,
): Promise<Found[]> {
  const wanted = new Map(profiles.map((profile) => [nobleUuid(profile.service), profile]));
  const found: Found[] = [];
  for (const service of await discoverServices(peripheral, [...wanted.keys()], timeoutMs)) {
    const profile = wanted.get(uuidOf(service.uuid));
    if (!profile) continue;
    for (const characteristic of await discoverCharacteristics(peripheral, service, timeoutMs)) {
      found.push({ uuid: ourUuid(uuidOf(characteristic.uuid)), characteristic, profile });
    }
  }
  return found.sort((a, b) => profiles.indexOf(a.profile) - profiles.indexOf(b.profile));
}

/** What was found, by value handle. */
export function byHandle(stack: NobleStack, peripheralId: string, found: readonly Found[]): Map<number, Found> {
  const handles = new Map<number, Found>();
  for (const [handle, uuids] of stack.valueHandles(peripheralId)) {
    const one = found.find(
      ({ characteristic: c }) => c.uuid === uuids.characteristic && c._serviceUuid === uuids.service,
    );
    if (one) handles.set(handle, one);
  }
  return handles;
}

/** noble writes 16-bit UUIDs as up to four hex digits, longer ones without hyphens. */
function nobleUuid(uuid: Uuid): string {
  return typeof uuid === 'number' ? uuid.toString(16) : uuid.replaceAll('-', '');
}

function ourUuid(uuid: string): Uuid {
  if (uuid.length <= 4) return Number.parseInt(uuid, 16);
  return uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
