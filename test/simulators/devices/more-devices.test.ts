import { afterEach, describe, expect, it } from 'vitest';
import type { Broadcast } from '../../../edge-agent/radio/radio-events.ts';
import type { DeviceUser, DeviceUsers } from '../../../edge-agent/radio/user-consent.ts';
import { decodeBodyCompositionMeasurement, mergeBodyComposition } from '../../../protocol/gatt/body-composition.ts';
import { decodeGhsObservation, decodeGhsSegment } from '../../../protocol/gatt/ghs.ts';
import { type Assembly, joinSegment } from '../../../protocol/gatt/segments.ts';
import { decodeCscMeasurement, decodeRscMeasurement } from '../../../protocol/gatt/speed-cadence.ts';
import { decodeWeightMeasurement } from '../../../protocol/gatt/weight-scale.ts';
import { createBthomeSensor, createMiScale, polarBroadcast } from '../../../simulators/devices/broadcasters.ts';
import { createHealthSensor } from '../../../simulators/devices/health-sensor.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createCyclingSensor, createRunningPod } from '../../../simulators/devices/motion-sensors.ts';
import { createScale } from '../../../simulators/devices/scale.ts';
import { openRadioWorld, type RadioWorld, type RadioWorldOptions, until } from '../../support/radio-world.ts';

let world: RadioWorld | undefined;
afterEach(async () => {
  await world?.close();
  world = undefined;
});

async function open(options: RadioWorldOptions): Promise<RadioWorld> {
  world = await openRadioWorld(options);
  return world;
}

const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });
const identity = (n: number, what: string) => ({
  address: `F0:00:00:00:07:0${n}`,
  name: `HTEST ${what}`,
  serial: `HTEST-${n}`,
});

/** Users in memory. */
function createUsers(...known: DeviceUser[]): DeviceUsers & { readonly added: DeviceUser[] } {
  const added: DeviceUser[] = [];
  return { added, of: () => [...known, ...added], add: (_device, user) => void added.push(user) };
}

describe('sensors that move along', () => {
  it('tell speed, cadence and turns', async () => {
    const pod = createRunningPod(identity(1, 'pod'));
    const bike = createCyclingSensor(identity(2, 'bike'));
    const { heard } = await open({ setUp: (air) => [pod, bike].forEach((device) => void air.add(device)) });
    await Promise.all([pod.whenHeard(), bike.whenHeard()]);
    expect(await pod.stride({ speedMps: dec(250_000_000, -8), cadence: 84 })).toBe(true);
    expect(await bike.ride(63, 100, 60)).toBe(true);
    expect(await bike.ride(2, 4, 65_530)).toBe(true);
    await until(() => heard(0x2a53).length === 1 && heard(0x2a5b).length === 2);
    expect(decodeRscMeasurement(heard(0x2a53)[0]!.value)).toMatchObject({ cadence: 84, running: true });
    expect(decodeCscMeasurement(heard(0x2a5b)[1]!.value)).toMatchObject({
      wheelRevs: 104,
      crankRevs: 54,
      crankTime1024: 1024,
    });
  });
});

describe('a generic health sensor', () => {
  it('sends an observation in segments that join', async () => {
    const sensor = createHealthSensor({ ...identity(3, 'sensor'), segmentOctets: 8 });
    const { heard } = await open({ setUp: (air) => void air.add(sensor) });
    await sensor.whenHeard();
    expect(await sensor.observe({ mdc: 151_562, unitCode: 0x0ae0, value: dec(16) })).toBe(true);
    await until(() => heard(0x2b8b).length === 2 && (heard(0x2b8b).at(-1)!.value[0]! & 2) !== 0);
    let assembly: Assembly | null = null;
    let whole: Uint8Array | null = null;
    for (const { value } of heard(0x2b8b)) {
      const joined = joinSegment(assembly, decodeGhsSegment(value));
      assembly = joined.assembly;
      whole = joined.value ?? whole;
    }
    expect(decodeGhsObservation(whole!)).toMatchObject({ class: 1, type: 151_562, value: dec(16) });
  });
});

describe('a scale', () => {
  it('tells weights and compositions, in one value or in two', async () => {
    const scale = createScale({ ...identity(4, 'scale'), composition: true });
    const { heard } = await open({ setUp: (air) => void air.add(scale) });
    await scale.whenHeard();
    await scale.whenSubscribed(0x2a9c);
    await scale.weigh({
      weightKg: dec(71_250, -3),
      at: '2024-06-01T07:00:00',
      bmi: dec(231, -1),
      heightM: dec(1755, -3),
    });
    await scale.weigh({ weightKg: 'unsuccessful' });
    const body = { bodyFatPct: dec(201, -1), weight: dec(71_250, -3), impedanceOhm: dec(5000, -1) };
    await scale.measureComposition({ ...body, at: '2024-06-01T07:00:10', twoPackets: true });
    await until(() => heard(0x2a9c).length === 2);
    expect(decodeWeightMeasurement(heard(0x2a9d)[0]!.value)).toMatchObject({
      weight: dec(71_250, -3),
      bmi: dec(231, -1),
    });
    expect(decodeWeightMeasurement(heard(0x2a9d)[1]!.value)).toMatchObject({ weight: 'unsuccessful' });
    const [first, second] = heard(0x2a9c).map(({ value }) => decodeBodyCompositionMeasurement(value));
    expect(first).toMatchObject({ multiplePacket: true, weight: null, timestamp: [2024, 6, 1, 7, 0, 10] });
    expect(mergeBodyComposition(first!, second!)).toMatchObject({
      weight: dec(71_250, -3),
      impedanceOhm: dec(5000, -1),
    });
  });

  it('with users is mute until the user consents, who is registered once and kept', async () => {
    const scale = createScale({ ...identity(5, 'BF720'), name: 'BF720 HTEST', users: {} });
    const users = createUsers();
    const { heard } = await open({ users, setUp: (air) => void air.add(scale) });
    await until(() => scale.userData?.consented === 1);
    expect(users.added).toEqual([{ index: 1, code: 5000 }]);
    await scale.weigh({ weightKg: dec(71_250, -3), userId: 1 });
    expect(await scale.weigh({ weightKg: dec(80_000, -3), userId: 2 })).toBe(false);
    expect(heard(0x2a9d)).toHaveLength(1);
    scale.disconnect();
    await until(() => scale.userData?.consented === undefined);
    const waiting = scale.weigh({ weightKg: dec(71_300, -3), userId: 1 });
    await until(() => heard(0x2a9d).length === 2);
    expect(await waiting).toBe(false);
    expect(users.added).toHaveLength(1);
    expect(scale.userData?.users).toEqual([1]);
  });

  it('that lets nobody register stays mute, and it is said', async () => {
    const scale = createScale({ ...identity(6, 'BF720'), name: 'BF720 HTEST', users: { mayRegister: false } });
    const { events } = await open({ users: createUsers(), setUp: (air) => void air.add(scale) });
    await until(() => events.includes('user-consent-refused'));
    expect(await scale.weigh({ weightKg: dec(71_250, -3), userId: 1 })).toBe(false);
  });
});

describe('devices that only advertise', () => {
  it('are heard without a connection, and nobody connects to them', async () => {
    const bthome = createBthomeSensor(identity(7, 'BTHome'));
    const scale = createMiScale({ ...identity(8, 'scale'), name: 'MIBCS HTEST' });
    const broadcasts: Broadcast[] = [];
    bthome.say('temperature', dec(3671, -2));
    scale.say(dec(71_250, -3), '2024-06-01T07:00:00');
    const { links } = await open({
      onBroadcast: (broadcast) => void broadcasts.push(broadcast),
      setUp: (air) => [bthome, scale].forEach((device) => void air.add(device)),
    });
    const heardOf = (address: string) => broadcasts.filter(({ device }) => device === address);
    await until(() => heardOf(bthome.address).length > 1 && heardOf(scale.address).length > 1);
    expect(heardOf(bthome.address)[0]!.data[0]).toMatchObject({ kind: 'service', id: 0xfcd2 });
    expect(heardOf(scale.address)[0]!.data[0]).toMatchObject({ kind: 'service', id: 0x181b });
    expect(links.map(({ state }) => state)).not.toContain('connecting');
  });

  it('or do so beside a connection are heard by that', async () => {
    const strap = createHeartStrap({ ...identity(9, 'strap'), name: 'Polar H10 HTEST' });
    strap.broadcast([polarBroadcast(61, 1)]);
    const broadcasts: Broadcast[] = [];
    await open({ onBroadcast: (broadcast) => void broadcasts.push(broadcast), setUp: (air) => void air.add(strap) });
    await strap.whenHeard();
    expect(broadcasts).toEqual([]);
  });
});
