/** A recording of our own radio: a strap and a cuff on the virtual air, heard by the real stack, every packet kept. */
import { encodeBtsnoopHeader, encodeBtsnoopRecord, teeTransport } from '../../edge-agent/radio/btsnoop.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type { RadioNotification } from '../../edge-agent/radio/radio-events.ts';
import { createCuff } from '../../simulators/devices/cuff.ts';
import { createHeartStrap } from '../../simulators/devices/heart-strap.ts';
import { createSimClock, type SimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import type { VirtualPeripheral } from '../../simulators/hci/virtual-peripheral.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import { STARTED_AT, until } from './radio-world.ts';

export interface RecordedRadio {
  readonly clock: SimClock;
  readonly notifications: RadioNotification[];
  /** The file so far. */
  file(): Uint8Array;
  close(): Promise<void>;
}

/** Puts devices on the air, and a radio that hears all of them, recorded. */
export function openRecordedRadio(devices: readonly VirtualPeripheral[], aclLength = 27): RecordedRadio {
  const clock = createSimClock(STARTED_AT);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10, aclLength });
  for (const device of devices) controller.add(device);
  const parts: Buffer[] = [encodeBtsnoopHeader()];
  const transport = teeTransport(openVirtualTransport(controller), {
    record: (packet, direction, at) => void parts.push(encodeBtsnoopRecord(packet, direction, at)),
    close: () => undefined,
  });
  const notifications: RadioNotification[] = [];
  const radio = openRadio({
    transport,
    profiles: PROFILES,
    wants: () => true,
    onDevice: () => undefined,
    onNotification: (notification) => void notifications.push(notification),
    onLink: () => undefined,
    uptime: () => performance.now(),
    random: () => 0.5,
    timings: { backoffMs: 5 },
  });
  return {
    clock,
    notifications,
    file: () => new Uint8Array(Buffer.concat(parts)),
    close: () => radio.close(),
  };
}

export const STRAP = { address: 'f0:00:00:00:00:01', name: 'HTEST Mayer strap', serial: 'SN-4711-0815' };
export const CUFF = { address: 'f0:00:00:00:00:02', name: 'HTEST Huber cuff', serial: 'SN-1234-5678' };

/** What is heard of a device: characteristic, octets and time. */
export function heardFrom(notifications: readonly RadioNotification[], device: string) {
  return notifications
    .filter((notification) => notification.device === device && [0x2a35, 0x2a37].includes(notification.characteristic))
    .map(({ characteristic, value, heardAt }) => ({
      characteristic,
      hex: Buffer.from(value).toString('hex'),
      heardAt,
    }));
}

const count = (mantissa: number) => ({ mantissa, exponent: 0 });

/** Twenty heart beats, in the middle of which the strap is out of range, and four blood pressures. */
export async function recordRadio(): Promise<{ file: Uint8Array; notifications: RadioNotification[] }> {
  const strap = createHeartStrap(STRAP);
  const cuff = createCuff(CUFF);
  const world = openRecordedRadio([strap, cuff]);
  await Promise.all([strap.whenHeard(), cuff.whenHeard()]);
  for (let i = 0; i < 20; i++) {
    world.clock.set(STARTED_AT + 1000 * i + 7 * (i % 3));
    if (i === 12) {
      strap.leaveRange();
      strap.enterRange();
      await strap.whenHeard();
    }
    await strap.beat({ heartRate: 60 + i, rr1024: [1000 - i, 990 + i] });
    if (i % 5 === 0) {
      const pressure = { systolic: count(120 + i), diastolic: count(80), map: count(93), pulse: count(60 + i) };
      await cuff.measure({ ...pressure, at: `2024-06-01T00:00:${String(i).padStart(2, '0')}` });
    }
  }
  const heard = () => heardFrom(world.notifications, STRAP.address).length;
  await until(() => heard() === 20 && heardFrom(world.notifications, CUFF.address).length === 4);
  await world.close();
  return { file: world.file(), notifications: world.notifications };
}
