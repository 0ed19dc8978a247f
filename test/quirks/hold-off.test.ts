/** Devices that go on advertising when they have sent everything are left in peace for as long as their family needs. */
import { afterEach, describe, expect, it } from 'vitest';
import { policiesOf } from '../../edge-agent/device-policies.ts';
import { createDeviceClock } from '../../simulators/devices/device-clock.ts';
import { createAndDCuff, createAndDScale } from '../../simulators/devices/families/a-and-d.ts';
import { createTaiDocThermometer } from '../../simulators/devices/families/meters.ts';
import { createIndieScale } from '../../simulators/devices/families/scales.ts';
import { createPhilipsThermometer } from '../../simulators/devices/families/thermometers.ts';
import { FAMILY } from '../support/quirk-world.ts';
import { openRadioWorld, type RadioWorld, STARTED_AT, until } from '../support/radio-world.ts';

const clock = createDeviceClock({ now: () => STARTED_AT });

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe.each([
  ['Philips/Avent ear thermometer: hold off reconnect 25 s', 25_000, createPhilipsThermometer(FAMILY)],
  ['TaiDoc TD1241 thermometer: hold off reconnect 40 s', 40_000, createTaiDocThermometer(FAMILY)],
  ['A&D scale: hold off reconnect 15 s', 15_000, createAndDScale(FAMILY)],
  ['Indie scale: hold off reconnect 23 s', 23_000, createIndieScale(FAMILY)],
  ['default: hold off reconnect 10 s', 10_000, createAndDCuff({ ...FAMILY, clock })],
])('%s', (_quirk, holdOffMs, device) => {
  it('else reconnect loop while still advertising', async () => {
    let now = 0;
    let heard = 0;
    let connections = 0;
    device.on('connect', () => connections++);
    const opened = await openRadioWorld({
      setUp: (air) => void air.add(device),
      wants() {
        heard++;
        return true;
      },
      holdOffMs: (advertised) => policiesOf(advertised).holdOffMs ?? 0,
      more: { policiesOf, uptime: () => now },
    });
    world = opened;
    const lost = () => opened.links.filter(({ state }) => state === 'lost').length;
    await until(() => opened.links.some(({ state }) => state === 'subscribed'));
    device.disconnect();
    await until(() => lost() === 1);
    now = holdOffMs - 1;
    heard = 0;
    await until(() => heard >= 5);
    expect(connections).toBe(1);
    now = holdOffMs;
    await until(() => connections === 2);
  });
});
