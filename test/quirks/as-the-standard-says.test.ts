/** Devices that do as the standard says, and whose families are told apart all the same. */
import { afterEach, describe, expect, it } from 'vitest';
import { profileOf } from '../../protocol/devices/device-profile.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { createStandardStrap, STANDARD_STRAP_NAMES } from '../../simulators/devices/families/heart-rate.ts';
import { createNoninOximeter } from '../../simulators/devices/families/oximeters.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';

const dec = (mantissa: number) => ({ mantissa, exponent: 0 });

let world: QuirkWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

describe('Nonin 3230: continuous + spot-check', () => {
  it('works', async () => {
    const oximeter = createNoninOximeter(FAMILY);
    world = await openQuirkWorld(oximeter);
    await oximeter.whenHeard();
    expect(await oximeter.stream({ spo2: dec(97), pulse: dec(64) })).toBe(true);
    world.clock.set(NOON + 1000);
    expect(await oximeter.spotCheck({ spo2: dec(98), pulse: dec(63), at: '2026-01-01T12:00:01' })).toBe(true);
    expect(await world.filed(0x2a5f, 2)).toContainEqual(expect.objectContaining({ value: dec(97), unit: '%' }));
    expect(await world.filed(0x2a5e, 2)).toMatchObject([{ deviceClock: '2026-01-01T12:00:01' }, {}]);
    expect(profileOf({ name: oximeter.name }).name).toBe('nonin-oximeter');
  });
});

describe.each([
  ['Wahoo TICKR: 180D', 'tickr', 'heart-rate-strap'],
  ['Garmin HRM: 180D', 'garmin', 'heart-rate-strap'],
  ['XOSS X2: 180D', 'xoss', 'heart-rate-strap'],
  ['Mi Band: 180D broadcast when enabled, HR only', 'mi-band', 'xiaomi-band'],
  ['Amazfit / Zepp: 180D broadcast when enabled, HR only', 'amazfit', 'xiaomi-band'],
] as const)('%s', (_quirk, family, profile) => {
  it('is heard, and never paired', async () => {
    const strap = createStandardStrap(family, FAMILY);
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    expect(await strap.beat({ heartRate: 72 })).toBe(true);
    const [rate] = await world.filed(0x2a37, 1);
    expect(rate).toMatchObject({ vital: MDC.heartRate, value: dec(72), link: 'unbonded' });
    expect(profileOf({ name: STANDARD_STRAP_NAMES[family], services: [0x180d] }).name).toBe(profile);
  });
});
