/** Who a device says it is, and how one of its family is treated. */
import { profileOf } from '../../protocol/devices/device-profile.ts';
import type { DeviceProfile } from '../../protocol/devices/policies.ts';
import type { Dialog, Found } from './dialog.ts';
import type { NoblePeripheral } from './noble-internals.ts';
import { RACP, type ReadPurpose } from './profiles.ts';
import type { RadioDevice } from './radio-events.ts';

/** What is to be read for a purpose, and can be. */
export function toRead({ found }: Dialog, purpose: ReadPurpose): Found[] {
  return found.filter(
    ({ uuid, profile, characteristic }) =>
      profile.read.some((read) => read.characteristic === uuid && read.purpose === purpose) &&
      characteristic.properties.includes('read'),
  );
}

/** First value for a purpose, or undefined when the device has none or keeps it to itself. */
export async function readFirst(dialog: Dialog, purpose: ReadPurpose): Promise<Uint8Array | undefined> {
  for (const found of toRead(dialog, purpose)) {
    const value = await dialog.read(found, (octets) => octets);
    if (value) return value;
  }
  return undefined;
}

/** Name in the advertisement and strings of the Device Information service. Throws a RadioError when the link ends. */
export async function readIdentity(
  dialog: Dialog,
  { advertisement, addressType }: NoblePeripheral,
): Promise<Omit<RadioDevice, 'id' | 'connection' | 'link'>> {
  const localName = cleanText(Buffer.from(advertisement.localName ?? '', 'utf8'));
  const manufacturer = cleanText(await readFirst(dialog, 'manufacturer'));
  const model = cleanText(await readFirst(dialog, 'model'));
  const serial = cleanText(await readFirst(dialog, 'serial'));
  const firmware = cleanText(await readFirst(dialog, 'firmware'));
  return {
    addressType,
    ...(localName && { localName }),
    ...(manufacturer && { manufacturer }),
    ...(model && { model }),
    ...(serial && { serial }),
    ...(firmware && { firmware }),
  };
}

/** The profile of a device. One of which nothing is known, but that has a memory, is asked for what is new. */
export function profileOfFound(
  { localName: name, manufacturer }: Pick<RadioDevice, 'localName' | 'manufacturer'>,
  found: readonly Found[],
): DeviceProfile {
  const services = [...new Set(found.map(({ profile }) => profile.service))];
  const profile = profileOf({ name, manufacturer, services });
  const hasRecords = found.some(({ uuid, profile: { records } }) => uuid === RACP && records);
  return profile.name === 'generic' && hasRecords ? { ...profile, records: 'racp-incremental' } : profile;
}

/** Text of a device: UTF-8 without control characters, or undefined when nothing is left. */
function cleanText(value: Uint8Array | undefined): string | undefined {
  const text = new TextDecoder().decode(value).replaceAll(/\p{C}/gu, '').trim();
  return text === '' ? undefined : text;
}
