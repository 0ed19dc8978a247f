import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { openNativeTransport } from '../../../edge-agent/radio/hci-native.ts';
import { openHciSocketTransport } from '../../../edge-agent/radio/hci-socket-transport.ts';
import type { HciTransport } from '../../../edge-agent/radio/hci-transport.ts';
import { PROFILES } from '../../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../../edge-agent/radio/radio.ts';
import { createHeartStrap } from '../../../simulators/devices/heart-strap.ts';
import { createSimClock } from '../../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../../simulators/hci/virtual-controller.ts';
import { Adapter } from '../../support/air-socket.ts';
import { until } from '../../support/until.ts';

const RESET = Buffer.from([0x01, 0x03, 0x0c, 0x00]);
let transport: HciTransport | undefined;
afterEach(async () => {
  await transport?.close();
  transport = undefined;
});

function createAdapter() {
  const clock = createSimClock(0);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  return { clock, controller, adapter: new Adapter(controller) };
}

async function open(adapter: Adapter, channel: 'raw' | 'user') {
  transport = await openHciSocketTransport({ createSocket: adapter.createSocket, clock: adapter.clock, channel });
  return transport;
}

describe.each(['raw', 'user'] as const)('an HCI socket, %s channel', (channel) => {
  it('carries noble from the advertisement to measurements, over an outage', async () => {
    const { clock, controller, adapter } = createAdapter();
    const strap = controller.add(
      createHeartStrap({ address: 'F0:00:00:00:00:01', name: 'HTEST strap', serial: 'S-1' }),
    );
    const heard: number[] = [];
    const radio = openRadio({
      transport: await open(adapter, channel),
      profiles: PROFILES,
      wants: () => true,
      onDevice: () => undefined,
      onNotification({ characteristic, value }) {
        if (characteristic === 0x2a37) heard.push(value[1]!);
        return undefined;
      },
      onLink: () => undefined,
      uptime: () => performance.now(),
      random: () => 0.5,
      timings: { backoffMs: 5 },
    });
    await strap.whenHeard();
    await strap.beat({ heartRate: 61 });
    await until('the first beat', () => heard.length === 1);
    adapter.powered = false;
    controller.reset();
    transport?.write(RESET);
    adapter.powered = true;
    clock.set(1_000);
    await strap.whenHeard();
    await until('a beat after the outage', async () => {
      await strap.beat({ heartRate: 62 });
      return heard.length > 1;
    });
    expect(heard.slice(0, 2)).toEqual([61, 62]);
    // Only a raw channel has a filter; it is set again on the socket that came after the outage.
    expect(adapter.sockets.length).toBeGreaterThan(1);
    expect(adapter.sockets.every(({ filters }) => filters > 0)).toBe(channel === 'raw');
    await radio.close();
  });

  it.each([
    ['Operation not permitted', 'setcap cap_net_raw,cap_net_admin+eip'],
    ['No such device', 'is not there'],
    ['Device or resource busy', 'systemctl stop bluetooth'],
    ['Operation not possible due to RF-kill', 'rfkill unblock bluetooth'],
    ['Address family not supported by protocol', 'this kernel has no Bluetooth'],
    ['Something else', 'cannot be opened'],
  ])('says what to do: %s', async (refusal, words) => {
    const { adapter } = createAdapter();
    adapter.refusal = refusal;
    const message = expect.stringContaining(words);
    await expect(open(adapter, channel)).rejects.toMatchObject({ code: 'unavailable', message });
  });
});

it('shows an outage of a raw channel that was over before anybody looked, by the reset of the kernel', async () => {
  const { controller, adapter } = createAdapter();
  const raw = await open(adapter, 'raw');
  raw.start();
  expect(raw.isDevUp()).toBe(true);
  const seen: Buffer[] = [];
  raw.on('data', (packet: Buffer) => seen.push(packet));
  controller.receive(RESET);
  await until('the event', () => seen.length > 0);
  expect([raw.isDevUp(), raw.isDevUp()]).toEqual([false, true]);
});

it('says that an adapter is down, or that none answers', async () => {
  const { adapter } = createAdapter();
  adapter.powered = false;
  await expect(open(adapter, 'raw')).rejects.toThrow('is not there');
});

// What this machine says; where it has an adapter that may be used, there is nothing to say.
it.runIf(!existsSync('/sys/class/bluetooth'))(
  'loads the real addon, which finds no Bluetooth in this kernel',
  async () => {
    for (const channel of ['raw', 'user'] as const) {
      const opened = openNativeTransport({ channel, adapter: 0, clock: { now: Date.now } });
      const message = expect.stringMatching(/^this kernel has no Bluetooth/);
      await expect(opened).rejects.toMatchObject({ code: 'unavailable', retry: 'later', message });
    }
  },
);
