/** Devices that speak to the app of their maker only: told apart, explained, and left to that app. */
import { afterEach, describe, expect, it } from 'vitest';
import { policiesOf } from '../../edge-agent/device-policies.ts';
import { diagnose } from '../../protocol/devices/pairing-doctor.ts';
import { createVendorOnlyDevice, VENDOR_ONLY_NAMES } from '../../simulators/devices/families/vendor-only.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { FAMILY } from '../support/quirk-world.ts';
import { openRadioWorld, type RadioWorld, until } from '../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe.each([
  ['OneTouch Verio: vendor F7A1', 'one-touch-meter', 'private protocol'],
  ['Dexcom G5/G6/G7: private protocol', 'dexcom-sensor', 'private protocol'],
  ['Libre: private protocol', 'libre-sensor', 'private protocol'],
  ['Guardian / Medtronic 780G: mimics IDS but encrypted', 'medtronic-sensor', 'encrypted'],
  ['Ring / Viatom / BerryMed oximeters: private UART; not 1822', 'vendor-oximeter', 'private language'],
] as const)('%s', (_quirk, family, words) => {
  it('is not connected to, and whoever asks is told why', async () => {
    const device = createVendorOnlyDevice({ ...FAMILY, family });
    let connections = 0;
    device.on('connect', () => connections++);
    let heard = 0;
    // A strap beside it, so that the radio has connections to make.
    const strap = createHeartStrap({ address: 'F0:00:00:00:00:02', name: 'HTEST strap', serial: 'S-1' });
    world = await openRadioWorld({
      setUp(air) {
        air.add(device);
        air.add(strap);
      },
      wants({ address }) {
        if (address === FAMILY.address) heard++;
        return true;
      },
      more: { policiesOf },
    });
    await until(() => heard >= 5 && strap.connected);
    expect(connections).toBe(0);
    const profile = policiesOf({
      address: FAMILY.address,
      addressType: 'random',
      localName: VENDOR_ONLY_NAMES[family],
      serviceUuids: [],
      rssi: -60,
    });
    expect(profile.name).toBe(family);
    const told = diagnose(profile, 'not-connectable');
    expect(told).toMatchObject({ remedy: 'never', steps: [] });
    expect(told.happened).toContain(words);
  });
});
