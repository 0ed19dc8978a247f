/** The memory of simulated devices, over real HCI: what a host writes and what it hears. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodePlxSpotCheckMeasurement } from '../../../protocol/gatt/pulse-oximeter.ts';
import { RACP_OPERATOR } from '../../../protocol/gatt/racp.ts';
import { createOximeter } from '../../../simulators/devices/oximeter.ts';
import { openRadioWorld, type RadioWorld, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('an oximeter with a memory', () => {
  it('gives all its spot-checks, each confirmed, on each link', async () => {
    const oximeter = createOximeter({
      address: 'F0:00:00:00:04:01',
      name: 'HTEST oximeter',
      serial: 'O-1',
      records: {},
    });
    for (const spo2 of [95, 96, 97]) {
      const measurement = { spo2: { mantissa: spo2, exponent: 0 }, pulse: { mantissa: 60, exponent: 0 } };
      await oximeter.spotCheck({ ...measurement, at: '2024-05-31T08:00:00' });
    }
    world = await openRadioWorld({ setUp: (air) => void air.add(oximeter) });
    const { heard } = world;
    await until(() => heard(0x2a19).length === 1);
    oximeter.disconnect();
    await until(() => heard(0x2a19).length === 2);
    const values = heard(0x2a5e).map(({ value }) => decodePlxSpotCheckMeasurement(value).spo2);
    expect(values).toMatchObject([95, 96, 97, 95, 96, 97].map((mantissa) => ({ mantissa })));
    expect(oximeter.memory?.requests.map(({ operator }) => operator)).toEqual([RACP_OPERATOR.all, RACP_OPERATOR.all]);
    expect(heard(0x2a5e)[0]?.feature).toBeDefined();
  });
});
