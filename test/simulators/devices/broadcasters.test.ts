import { afterEach, describe, expect, it } from 'vitest';
import { decodeBthome } from '../../../protocol/gatt/bthome.ts';
import { decodeMiScaleComposition, decodeMiScaleWeight } from '../../../protocol/gatt/mi-scale.ts';
import { decodePolarAdvertisement } from '../../../protocol/gatt/polar-advertisement.ts';
import {
  createBthomeSensor,
  createMiCompositionScale,
  createMiScale,
} from '../../../simulators/devices/broadcasters.ts';
import { createPolarStrap } from '../../../simulators/devices/polar-strap.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { VirtualPeripheral } from '../../../simulators/hci/virtual-peripheral.ts';
import { openRadioWorld, type RadioWorld, until } from '../../support/radio-world.ts';

const address = 'F0:00:00:00:00:0B';
const timestamp = [2024, 6, 1, 7, 30, 0] as const;

describe('a device that only advertises', () => {
  let world: RadioWorld | undefined;
  afterEach(() => world?.close());

  it('is heard by the radio without a link: BTHome', async () => {
    const sensor = createBthomeSensor({ address, name: 'HTEST th' });
    sensor.tell([['temperature', { mantissa: 3712, exponent: -2 }]]);
    world = await openRadioWorld({ setUp: (controller) => controller.add(sensor) });
    const { broadcasts, controller, links } = world;
    await until(() => broadcasts.length >= 2);
    const [data] = broadcasts[0]!.data;
    expect(data).toMatchObject({ kind: 'service', id: 0xfcd2 });
    expect(decodeBthome(data!.octets).values).toEqual([
      ['packetId', { mantissa: 0, exponent: 0 }],
      ['temperature', { mantissa: 3712, exponent: -2 }],
    ]);
    sensor.tell([['massKg', { mantissa: 7105, exponent: -2 }]]);
    await until(() => decodeBthome(broadcasts.at(-1)!.data[0]!.octets).values[1]?.[0] === 'massKg');
    expect(links.every(({ state }) => state === 'heard')).toBe(true);
    expect(controller.linkCount).toBe(0);
  });

  it('is heard by the radio without a link: Xiaomi scales', async () => {
    const scale = createMiScale({ address, name: 'MI_SCALE HTEST' });
    const composition = createMiCompositionScale({ address: 'F0:00:00:00:00:0C', name: 'MIBFS HTEST' });
    const weight = { weight: { mantissa: 71_050, exponent: -3 }, unit: 'kg', timestamp, removed: false } as const;
    scale.show({ ...weight, stabilized: true });
    composition.show({ ...weight, stabilized: true, impedance: 512 });
    world = await openRadioWorld({ setUp: (controller) => [scale, composition].map((one) => controller.add(one)) });
    const { broadcasts, controller } = world;
    await until(() => [scale, composition].every((one) => broadcasts.some(({ device }) => device === one.address)));
    const octets = (id: number) => broadcasts.flatMap(({ data }) => data).find((data) => data.id === id)!.octets;
    expect(decodeMiScaleWeight(octets(0x181d))).toEqual({ ...weight, stabilized: true });
    expect(decodeMiScaleComposition(octets(0x181b))).toEqual({ ...weight, stabilized: true, impedance: 512 });
    expect(controller.linkCount).toBe(0);
  });

  it('takes no connection where its advertisement says so, and is asked for no scan response', async () => {
    const controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 5 });
    const heard: string[] = [];
    controller.attach((packet) => void heard.push(packet.toString('hex')));
    controller.add(createBthomeSensor({ address, name: 'HTEST' })).broadcast(Uint8Array.of(0x40));
    controller.receive(Buffer.from('010c20020100', 'hex'));
    await until(() => heard.length >= 3);
    expect(heard.slice(1).every((packet) => packet.startsWith('043e1b0201' + '03' + '01' + '0b00000000f0'))).toBe(true);
    expect(heard[1]!.slice(28)).toBe('020106' + '0416d2fc40' + '06094854455354' + 'c4');
    controller.receive(Buffer.from(`010d20196000300000010b00000000f000180028000000${'2a00'}00000000`, 'hex'));
    await until(() => heard.includes('040f0400010d20'));
    const reports = heard.length;
    await until(() => heard.length > reports + 2);
    expect(controller.linkCount).toBe(0);
    expect(heard.some((packet) => packet.startsWith('043e1301'))).toBe(false);
    controller.reset();
  });

  it('may say its rate beside a service that is connected to: a Polar strap', async () => {
    const strap = createPolarStrap({ address, name: 'Polar H10 HTEST', serial: 'P-1' });
    const heard: Buffer[] = [];
    const controller = new VirtualController({ clock: createSimClock(0), advertisingIntervalMs: 5 });
    controller.attach((packet) => void heard.push(packet));
    controller.add(strap);
    const manufacturerData = () => {
      controller.receive(Buffer.from('010c20020100', 'hex'));
      controller.scanner.stop();
      return decodePolarAdvertisement(strap.advertisement.subarray(9));
    };
    strap.broadcastRate({ fastBpm: 64, slowBpm: 62 });
    expect(manufacturerData()).toMatchObject({
      bpm: 62,
      fastBpm: 64,
      counter: 0,
      contactDetected: true,
      batteryOk: true,
    });
    strap.broadcastRate({ fastBpm: 65, contact: false });
    expect(manufacturerData()).toMatchObject({ bpm: 65, slowBpm: null, counter: 1, contactDetected: false });
    await until(() => heard.some((packet) => packet.includes(strap.advertisement)));
    const again = createPolarStrap({ address, name: 'Polar H10 HTEST', serial: 'P-1' });
    again.broadcastRate({ fastBpm: 64 });
    world = await openRadioWorld({ setUp: (air) => void air.add(again) });
    const { links } = world;
    await until(() => links.at(-1)?.state === 'subscribed');
  });

  it('may have manufacturer data beside its services, up to 31 octets', () => {
    const data = [{ kind: 'manufacturer', octets: Uint8Array.of(0x6b, 0, 0x27, 0, 61) }] as const;
    const strap = new VirtualPeripheral({ address, name: 'HTEST', advertises: [0x180d], services: [], data });
    expect(strap.advertisement.toString('hex')).toBe('020106' + '03030d18' + '06ff6b0027003d');
    expect(() => strap.advertise([{ kind: 'service', uuid: 0xfcd2, octets: new Uint8Array(28) }])).toThrow(RangeError);
  });
});
