import { afterEach, describe, expect, it } from 'vitest';
import { decodeBloodPressureMeasurement } from '../../../protocol/gatt/blood-pressure.ts';
import { decodeCgmMeasurement } from '../../../protocol/gatt/cgm.ts';
import { decodeCgmSessionStartTime } from '../../../protocol/gatt/cgm-session.ts';
import { decodeHeartRateMeasurement } from '../../../protocol/gatt/heart-rate.ts';
import { decodePlxContinuousMeasurement } from '../../../protocol/gatt/pulse-oximeter.ts';
import { decodeTemperatureMeasurement } from '../../../protocol/gatt/temperature.ts';
import { createCgm } from '../../../simulators/devices/cgm.ts';
import { createCuff } from '../../../simulators/devices/cuff.ts';
import { createHeartStrap, type HeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createOximeter } from '../../../simulators/devices/oximeter.ts';
import { createThermometer } from '../../../simulators/devices/thermometer.ts';
import {
  openRadioWorld,
  type RadioWorld,
  type RadioWorldOptions,
  STARTED_AT,
  until,
} from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function open(options: RadioWorldOptions): Promise<RadioWorld> {
  world = await openRadioWorld(options);
  return world;
}

function strapAt(n: number): HeartStrap {
  const octet = n.toString(16).padStart(2, '0');
  return createHeartStrap({ address: `F0:00:00:00:01:${octet}`, name: `HTEST strap ${n}`, serial: `S-${n}` });
}

const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });

describe.each(['in process', 'unix socket'] as const)('radio, %s', (way) => {
  it('hears five kinds of devices', async () => {
    const strap = strapAt(1);
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    const thermometer = createThermometer({ address: 'F0:00:00:00:03:01', name: 'HTEST thermometer', serial: 'T-1' });
    const oximeter = createOximeter({ address: 'F0:00:00:00:04:01', name: 'HTEST oximeter', serial: 'O-1' });
    const cgm = createCgm({
      address: 'F0:00:00:00:05:01',
      name: 'HTEST cgm',
      serial: 'G-1',
      addressType: 'public',
      session: { startedAt: '2024-05-31T20:00:00', tzMin: 60, dstMin: 60 },
    });
    const all = [strap, cuff, thermometer, oximeter, cgm];
    const { devices, heard } = await open({ way, setUp: (air) => all.forEach((device) => void air.add(device)) });
    await Promise.all(all.map((device) => device.whenHeard()));

    const sent = await Promise.all([
      strap.beat({ heartRate: 64, rr1024: [960, 961] }),
      cuff.measure({ systolic: dec(121), diastolic: dec(79), map: dec(93), pulse: dec(61), at: '2024-06-01T00:00:00' }),
      thermometer.measure({ temperature: dec(3672, -2), at: '2024-06-01T00:00:01', type: 'ear' }),
      oximeter.stream({ spo2: dec(97), pulse: dec(62), pai: dec(31, -1) }),
      oximeter.spotCheck({ spo2: dec(96), pulse: dec(63), at: '2024-06-01T00:00:02' }),
      cgm.measure({ glucose: dec(104), offsetMin: 240, trend: dec(-3, -1) }),
    ]);
    expect(sent).toEqual([true, true, true, true, true, true]);
    // Over a socket, the controller may be ahead of the radio.
    await until(() => [0x2a37, 0x2a5f, 0x2aa7].every((uuid) => heard(uuid).length === 1));
    await until(() => heard(0x2a19).length === 5);

    const value = (uuid: number) => heard(uuid)[0]?.value ?? new Uint8Array();
    expect(decodeHeartRateMeasurement(value(0x2a37))).toMatchObject({ heartRate: 64, rr1024: [960, 961] });
    expect(decodeBloodPressureMeasurement(value(0x2a35))).toMatchObject({ systolic: dec(121), pulseRate: dec(61) });
    expect(decodeTemperatureMeasurement(value(0x2a1c))).toMatchObject({ value: dec(3672, -2), type: 'ear' });
    expect(decodePlxContinuousMeasurement(value(0x2a5f))).toMatchObject({ spo2: dec(97), pai: dec(31, -1) });
    expect(decodeCgmMeasurement(value(0x2aa7)).records[0]).toMatchObject({ offsetMin: 240, crcValid: true });
    const start = decodeCgmSessionStartTime(heard(0x2aa7)[0]?.sessionStart ?? new Uint8Array());
    expect(start).toMatchObject({ time: [2024, 5, 31, 20, 0, 0], tzMin: 60, dstMin: 60, crcValid: true });
    expect(heard(0x2aa7)[0]?.feature).toHaveLength(6);

    expect(devices).toHaveLength(5);
    expect(devices.find(({ id }) => id === 'f0:00:00:00:03:01')).toEqual({
      id: 'f0:00:00:00:03:01',
      addressType: 'random',
      localName: 'HTEST thermometer',
      manufacturer: 'Veravita HTEST',
      model: 'Thermometer',
      serial: 'T-1',
      firmware: '1.0.0',
      connection: 1,
      link: 'unbonded',
    });
    expect(devices.find(({ id }) => id === cgm.address)?.addressType).toBe('public');
  });

  it('stamps each value with the simulated instant at which it was sent, within the event of its packet', async () => {
    const strap = strapAt(1);
    const atDelivery: number[] = [];
    const opened = await open({
      way,
      setUp: (air) => void air.add(strap),
      onNotification(notification) {
        if (notification.characteristic === 0x2a37) atDelivery.push(opened.transport.clock.now());
        return undefined;
      },
    });
    const { clock, heard, links } = opened;
    await until(() => links.at(-1)?.state === 'subscribed');
    const instants = Array.from({ length: 1_000 }, (_, i) => STARTED_AT + i * 86_400_000 + 7);
    // Not awaited: hundreds are under way while the clock runs on.
    const sent = instants.map((instant, i) => {
      clock.set(instant);
      return strap.beat({ heartRate: 40 + (i % 200) });
    });
    expect(await Promise.all(sent)).toEqual(instants.map(() => true));
    await until(() => heard(0x2a37).length === instants.length);
    expect(heard(0x2a37).map(({ heardAt }) => heardAt)).toEqual(instants);
    expect(atDelivery).toEqual(instants);
    expect(heard(0x2a37).map(({ value }) => value[1])).toEqual(instants.map((_, i) => 40 + (i % 200)));
  });

  it('comes back after a link was lost, and says so', async () => {
    const strap = strapAt(1);
    const { links, devices, heard } = await open({ way, setUp: (air) => void air.add(strap) });
    await strap.whenHeard();
    await until(() => links.at(-1)?.state === 'subscribed');
    strap.leaveRange();
    expect(await strap.beat({ heartRate: 60 })).toBe(false);
    await until(() => links.at(-1)?.state === 'lost');
    strap.enterRange();
    await strap.whenHeard();
    await strap.beat({ heartRate: 61 });
    await until(() => links.filter(({ state }) => state === 'subscribed').length === 2);
    const once = ['heard', 'connecting', 'connected', 'subscribed'];
    expect(links.map(({ state }) => state)).toEqual([...once, 'lost', ...once]);
    expect(links.find(({ state }) => state === 'lost')?.reason).toBe('disconnected 0x8');
    expect(devices.map(({ connection }) => connection)).toEqual([1, 2]);
    await until(() => heard(0x2a37).length === 1);
    expect(heard(0x2a37)[0]).toMatchObject({ connection: 2, device: strap.address });
  });

  it('loses nothing of fifty devices at once', async () => {
    const straps = Array.from({ length: 50 }, (_, i) => strapAt(i));
    const { heard } = await open({ way, setUp: (air) => straps.forEach((strap) => void air.add(strap)) });
    await Promise.all(straps.map((strap) => strap.whenHeard()));
    const beats = Array.from({ length: 100 }, (_, i) => i);
    await Promise.all(straps.flatMap((strap) => beats.map((heartRate) => strap.beat({ heartRate }))));
    await until(() => heard(0x2a37).length >= 5_000);
    for (const { address } of straps) {
      const values = heard(0x2a37).filter(({ device }) => device === address);
      expect(values.map(({ value }) => value[1])).toEqual(beats);
    }
  });

  it('carries values in fragments of the controller', async () => {
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    const { heard, devices } = await open({ way, aclLength: 9, setUp: (air) => void air.add(cuff) });
    await cuff.whenHeard();
    await cuff.measure({ systolic: dec(120), diastolic: dec(80), map: dec(93), pulse: dec(60), status: 0 });
    expect(heard(0x2a35)[0]?.value).toHaveLength(11);
    expect(devices[0]?.manufacturer).toBe('Veravita HTEST');
  });
});

describe('indications', () => {
  it('are confirmed only when the value is stored', async () => {
    let stored: () => void = () => undefined;
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    const { heard } = await open({
      setUp: (air) => void air.add(cuff),
      onNotification: ({ characteristic }) =>
        characteristic === 0x2a35 ? new Promise((resolve) => (stored = resolve)) : undefined,
    });
    await cuff.whenHeard();
    const confirmed = cuff.measure({ systolic: dec(120), diastolic: dec(80), map: dec(93) });
    await until(() => heard(0x2a35).length === 1);
    expect(cuff.unsent).toBe(1);
    stored();
    expect(await confirmed).toBe(true);
    expect(cuff.unsent).toBe(0);
  });

  it('are not confirmed when storing fails: the link is dropped and the device offers the value again', async () => {
    let failures = 1;
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    const { heard, links, events } = await open({
      setUp: (air) => void air.add(cuff),
      onNotification: ({ characteristic }) =>
        characteristic === 0x2a35 && failures-- > 0 ? Promise.reject(new Error('disk full')) : undefined,
    });
    expect(await cuff.measure({ systolic: dec(120), diastolic: dec(80), map: dec(93) })).toBe(false);
    await until(() => cuff.unsent === 0);
    expect(heard(0x2a35).map(({ connection }) => connection)).toEqual([1, 2]);
    expect(links.find(({ state }) => state === 'lost')?.reason).toBe('not stored');
    expect(events).toContain('delivery-failed');
  });
});

describe('devices with a memory', () => {
  it('deliver what they measured before anybody listened, in order', async () => {
    const cuff = createCuff({ address: 'F0:00:00:00:02:01', name: 'HTEST cuff', serial: 'C-1' });
    const kept = [101, 102, 103].map((systolic) =>
      cuff.measure({ systolic: dec(systolic), diastolic: dec(70), map: dec(80) }),
    );
    expect(await Promise.all(kept)).toEqual([false, false, false]);
    const { heard } = await open({ setUp: (air) => void air.add(cuff) });
    await until(() => cuff.unsent === 0);
    const systolic = heard(0x2a35).map(({ value }) => decodeBloodPressureMeasurement(value).systolic);
    expect(systolic).toEqual([dec(101), dec(102), dec(103)]);
  });

  it('a glucose sensor starts a new session on a new link, and the start is read again', async () => {
    const session = { startedAt: '2024-05-01T00:00:00', tzMin: 0, dstMin: 0 };
    const cgm = createCgm({ address: 'F0:00:00:00:05:01', name: 'HTEST cgm', serial: 'G-1', session });
    const { heard } = await open({ setUp: (air) => void air.add(cgm) });
    await cgm.whenHeard();
    await cgm.measure({ glucose: dec(100), offsetMin: 65_535 });
    await cgm.startSession({ ...session, startedAt: '2024-06-15T12:15:00' });
    expect(await cgm.measure({ glucose: dec(101), offsetMin: 0 })).toBe(false);
    await until(() => heard(0x2aa7).length === 2);
    const starts = heard(0x2aa7).map((n) => decodeCgmSessionStartTime(n.sessionStart ?? new Uint8Array()).time);
    expect(starts).toEqual([
      [2024, 5, 1, 0, 0, 0],
      [2024, 6, 15, 12, 15, 0],
    ]);
    expect(() => cgm.measure({ glucose: dec(101), offsetMin: 65_536 })).toThrow();
  });
});
