/** Devices that do as the standard says, and whose families are told apart all the same. */
import { afterEach, describe, expect, it } from 'vitest';
import { profileOf } from '../../protocol/devices/device-profile.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { createCgm } from '../../simulators/devices/cgm.ts';
import {
  createStandardStrap,
  createXossStrap,
  STANDARD_STRAP_NAMES,
} from '../../simulators/devices/families/heart-rate.ts';
import { createNoninOximeter } from '../../simulators/devices/families/oximeters.ts';
import { FAMILY, openQuirkWorld, type QuirkWorld } from '../support/quirk-world.ts';
import { NOON } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

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

describe('Accu-Chek SmartGuide: the rare sensor with a standard 181F', () => {
  it('is read by it, and known by its name', async () => {
    const session = { startedAt: '2026-01-01T11:00:00', tzMin: 0, dstMin: 0 };
    const security = { io: 'display', passkey: 271_828 } as const;
    const name = 'HTEST SmartGuide';
    const sensor = createCgm({ ...FAMILY, name, session, needs: 'authentication', security });
    sensor.stopAdvertising();
    void sensor.measure({ glucose: dec(101), offsetMin: 55 });
    world = await openQuirkWorld(sensor);
    await world.pairBy(security.passkey, () => sensor.startAdvertising());
    const [glucose] = await world.filed(0x2aa7, 1);
    expect(glucose).toMatchObject({ vital: MDC.glucose, value: dec(101), unit: 'mg/dL' });
    expect(profileOf({ name: sensor.name, services: [0x181f] }).name).toBe('accu-chek-sensor');
  });
});

describe.each([
  ['Wahoo TICKR: 180D', 'tickr', 'heart-rate-strap'],
  ['Garmin HRM: 180D', 'garmin', 'heart-rate-strap'],
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

describe("Mi Band: SpO2/steps vendor; adverts are its maker's", () => {
  it('is heard by its link alone', async () => {
    const band = createStandardStrap('mi-band', FAMILY);
    // Steps, as a decoder of advertisements reads them: service data of FEE0.
    band.advertise([{ kind: 'service', uuid: 0xfee0, octets: Uint8Array.of(0x3c, 0x0f, 0, 0) }]);
    world = await openQuirkWorld(band);
    await band.whenHeard();
    expect(await band.beat({ heartRate: 72 })).toBe(true);
    await world.filed(0x2a37, 1);
    const { readings } = world.service;
    expect(readings.every(({ characteristic }) => characteristic === 0x2a37 || characteristic === 0x2a19)).toBe(true);
    expect(readings.every(({ carrier }) => carrier === undefined)).toBe(true);
    expect(world.agent.status()).toMatchObject({ undecodable: {} });
  });
});

describe('XOSS X2: 180D (+1816)', () => {
  it('is heard beside the counter of its cadence, which is no vital sign', async () => {
    const strap = createXossStrap(FAMILY);
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    await strap.whenSubscribed(0x2a5b);
    expect(await strap.turn(17, 2048)).toBe(true);
    expect(await strap.beat({ heartRate: 72 })).toBe(true);
    expect(await world.filed(0x2a37, 1)).toMatchObject([{ vital: MDC.heartRate, value: dec(72) }]);
    expect(world.service.readings.some(({ characteristic }) => characteristic === 0x2a5b)).toBe(false);
    expect(world.agent.status()).toMatchObject({ undecodable: {} });
  });
});

describe('XOSS X2: also advertises HR+battery', () => {
  it('is known, linked, and heard by its link alone: what it advertises is no reading, and doubles none', async () => {
    const strap = createXossStrap(FAMILY);
    strap.broadcast({ heartRate: 99, batteryPercent: 55 });
    world = await openQuirkWorld(strap);
    await strap.whenHeard();
    expect(await strap.beat({ heartRate: 66 })).toBe(true);
    strap.disconnect();
    // The same rate is in its advertisements now, and they are heard: it is linked again by them.
    await until('it is linked again', () => strap.connected && strap.isSubscribed(0x2a37));
    world.clock.set(NOON + 1000);
    expect(await strap.beat({ heartRate: 67 })).toBe(true);
    await world.filed(0x2a37, 2);
    await world.filed(0x2a19, 1);
    const { readings } = world.service;
    const rates = readings.filter(({ vital }) => vital === MDC.heartRate);
    expect(rates.map(({ value }) => value)).toEqual([dec(66), dec(67)]);
    expect(readings.every(({ carrier }) => carrier === undefined)).toBe(true);
    expect(readings.map(({ value }) => value)).not.toContainEqual(dec(99));
    expect(readings.map(({ value }) => value)).not.toContainEqual(dec(55));
    expect(world.agent.status()).toMatchObject({ undecodable: {}, notResults: {} });
    expect(profileOf({ name: strap.name, services: [0x180d] }).name).toBe('heart-rate-strap');
  });
});
