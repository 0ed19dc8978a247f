/** Each kind of device, heard by the agent's radio. */
import { afterEach, describe, expect, it } from 'vitest';
import { decodeBatteryLevelStatus } from '../../../protocol/gatt/battery-status.ts';
import { decodeBodyCompositionMeasurement, mergeBodyComposition } from '../../../protocol/gatt/body-composition.ts';
import { decodeGhsObservation, decodeGhsSegment, type GhsObservation } from '../../../protocol/gatt/ghs.ts';
import { type Assembly, joinSegment } from '../../../protocol/gatt/segments.ts';
import { decodeCscMeasurement, decodeRscMeasurement } from '../../../protocol/gatt/speed-cadence.ts';
import { decodeWeightMeasurement } from '../../../protocol/gatt/weight-scale.ts';
import { createCyclingSensor } from '../../../simulators/devices/cycling-sensor.ts';
import type { DeviceOptions } from '../../../simulators/devices/device-services.ts';
import { createHealthSensor } from '../../../simulators/devices/health-sensor.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createRunningPod } from '../../../simulators/devices/running-pod.ts';
import { createScale } from '../../../simulators/devices/scale.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import type { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { openRadioWorld, type RadioWorld, until } from '../../support/radio-world.ts';

const options = { address: 'F0:00:00:00:00:01', name: 'HTEST one', serial: '1' };
const dec = (mantissa: number, exponent = 0) => ({ mantissa, exponent });

describe('a simulated device is heard by the radio', () => {
  let world: RadioWorld;
  afterEach(() => world?.close());

  /** A device on the air, once the radio listens to these characteristics. */
  async function open<P extends VirtualPeripheral>(create: (o: DeviceOptions) => P, ...to: number[]): Promise<P> {
    const device = create(options);
    world = await openRadioWorld({ setUp: (controller) => controller.add(device) });
    await Promise.all(to.map((uuid) => device.whenSubscribed(uuid)));
    return device;
  }
  const valuesOf = (uuid: number) => world.heard(uuid).map(({ value }) => value);

  it('scale: what was weighed before, and after', async () => {
    const scale = createScale(options);
    expect(await scale.weigh({ weight: dec(71_050, -3), at: '2024-06-01T07:00:00' })).toBe(false);
    await open(() => scale, 0x2a9d);
    await scale.whenSent();
    expect(await scale.weigh({ weight: 'unsuccessful', unit: 'lb' })).toBe(true);
    await until(() => valuesOf(0x2a9d).length === 2);
    const [first, second] = valuesOf(0x2a9d).map(decodeWeightMeasurement);
    expect(first).toMatchObject({ weight: dec(71_050, -3), unit: 'kg', timestamp: [2024, 6, 1, 7, 0, 0] });
    expect(second).toMatchObject({ weight: 'unsuccessful', unit: 'lb', timestamp: null });
    expect(world.heard(0x2a9d)[0]?.feature).toHaveLength(4);
  });

  it('body composition scale: one value where it fits, else two that make one measurement', async () => {
    const scale = await open((o) => createScale({ ...o, composition: true }), 0x2a9c, 0x2a9d);
    const small = { bodyFatPct: dec(215, -1), impedanceOhm: dec(5123, -1) };
    expect(await scale.analyze(small)).toBe(true);
    const all = {
      ...small,
      basalKJ: 6800,
      musclePct: dec(402, -1),
      muscleMass: dec(30_000, -3),
      fatFreeMass: dec(55_000, -3),
      softLeanMass: dec(52_000, -3),
      bodyWaterMass: dec(40_000, -3),
      weight: dec(71_050, -3),
      height: dec(1750, -3),
    };
    expect(await scale.analyze({ ...all, at: '2024-06-01T07:00:00', userId: 2 })).toBe(true);
    expect(await scale.weigh({ weight: dec(71_050, -3), bmi: dec(232, -1), height: dec(1750, -3) })).toBe(true);
    await until(() => valuesOf(0x2a9c).length === 3 && valuesOf(0x2a9d).length === 1);
    expect(valuesOf(0x2a9c).every((value) => value.length <= 20)).toBe(true);
    const [one, first, second] = valuesOf(0x2a9c).map(decodeBodyCompositionMeasurement);
    expect(one).toMatchObject({ ...small, multiplePacket: false, weight: null });
    expect(mergeBodyComposition(first!, second!)).toMatchObject({
      ...all,
      timestamp: [2024, 6, 1, 7, 0, 0],
      userId: 2,
    });
  });

  it('running pod', async () => {
    const pod = await open(createRunningPod, 0x2a53);
    expect(await pod.run({ speedMps: dec(3_000_000_000, -9), cadence: 170, distanceM: dec(12_345, -1) })).toBe(true);
    await until(() => valuesOf(0x2a53).length === 1);
    const measurement = decodeRscMeasurement(valuesOf(0x2a53)[0]!);
    expect(measurement).toMatchObject({ cadence: 170, distanceM: dec(12_345, -1), strideM: null, running: true });
  });

  it('cycling sensor, whose counters wrap and whose times stand still without a turn', async () => {
    const counters = { wheelRevs: 0xffff_fffe, wheelTime1024: 65_000, crankRevs: 65_535, crankTime1024: 64_000 };
    const sensor = await open((o) => createCyclingSensor({ ...o, counters }), 0x2a5b);
    await sensor.ride({ seconds: 1, wheel: 3, crank: 1 });
    await sensor.ride({ seconds: 1, wheel: 2, crank: 0 });
    await until(() => valuesOf(0x2a5b).length === 2);
    expect(valuesOf(0x2a5b).map(decodeCscMeasurement)).toMatchObject([
      { wheelRevs: 1, wheelTime1024: 488, crankRevs: 0, crankTime1024: 488 },
      { wheelRevs: 3, wheelTime1024: 1512, crankRevs: 0, crankTime1024: 488 },
    ]);
  });

  it('health sensor, in as many segments as it takes', async () => {
    const sensor = await open(createHealthSensor, 0x2b8b);
    const fields = { time: null, durationS: null, status: null, objectId: null, patient: null } as const;
    const observation: GhsObservation = {
      ...fields,
      type: 149_530,
      supplemental: Array.from({ length: 90 }, (_, i) => i),
      derivedFrom: null,
      hasMember: null,
      class: 1,
      unitCode: 2720,
      value: dec(62),
    };
    expect(await sensor.observe(observation)).toBe(true);
    expect(await sensor.observe({ ...observation, supplemental: null })).toBe(true);
    await until(() => valuesOf(0x2b8b).filter((value) => decodeGhsSegment(value).last).length === 2);
    let assembly: Assembly | null = null;
    const whole: Uint8Array[] = [];
    for (const value of valuesOf(0x2b8b)) {
      const joined = joinSegment(assembly, decodeGhsSegment(value));
      assembly = joined.assembly;
      if (joined.value) whole.push(joined.value);
    }
    expect(valuesOf(0x2b8b).length).toBeGreaterThan(2);
    expect(whole.map(decodeGhsObservation)).toEqual([observation, { ...observation, supplemental: null }]);
  });

  it('battery that runs down with simulated time', async () => {
    const clock = createSimClock(0);
    const strap = await open((o) => createHeartStrap({ ...o, battery: { clock, lastsH: 100 } }), 0x2a19, 0x2bed);
    // Both were read first.
    await until(() => valuesOf(0x2bed).length === 1 && valuesOf(0x2a19).length === 1);
    expect(strap.batteryPercent).toBe(100);
    clock.set(82 * 3_600_000);
    expect(await strap.tellBattery()).toBe(true);
    await until(() => valuesOf(0x2bed).length === 2 && valuesOf(0x2a19).length === 2);
    expect(valuesOf(0x2a19).map(([percent]) => percent)).toEqual([100, 18]);
    expect(valuesOf(0x2bed).map(decodeBatteryLevelStatus)).toMatchObject([
      { percent: 100, chargeLevel: 'good' },
      { percent: 18, chargeLevel: 'low', chargeState: 'activeDischarging' },
    ]);
    clock.set(500 * 3_600_000);
    expect(strap.batteryPercent).toBe(0);
    await strap.setBattery(100);
    expect(strap.batteryPercent).toBe(100);
    expect(() => strap.setBattery(101)).toThrow();
  });
});
