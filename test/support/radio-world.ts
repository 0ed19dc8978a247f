/** A radio over a virtual controller, in process or through a unix socket, that notes all it is told. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClockEvent } from '../../edge-agent/radio/device-clock.ts';
import { openH4UnixTransport } from '../../edge-agent/radio/h4-unix.ts';
import type { HciTransport } from '../../edge-agent/radio/hci-transport.ts';
import { PROFILES } from '../../edge-agent/radio/profiles.ts';
import { openRadio } from '../../edge-agent/radio/radio.ts';
import type { Broadcast, LinkChange, RadioDevice, RadioNotification } from '../../edge-agent/radio/radio-events.ts';
import type { LocalRadio as Radio, RadioOptions } from '../../edge-agent/radio/radio-options.ts';
import { type H4Server, serveH4 } from '../../simulators/hci/h4-server.ts';
import { createSimClock, type SimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';

export type Way = 'in process' | 'unix socket';

/** 2024-06-01T00:00:00Z, where simulated time starts. */
export const STARTED_AT = 1_717_200_000_000;

export interface RadioWorld {
  readonly clock: SimClock;
  readonly controller: VirtualController;
  readonly transport: HciTransport;
  readonly radio: Radio;
  readonly devices: RadioDevice[];
  readonly notifications: RadioNotification[];
  readonly links: LinkChange[];
  readonly clocks: ClockEvent[];
  readonly broadcasts: Broadcast[];
  readonly events: string[];
  /** Notifications of one characteristic. */
  heard(characteristic: number): RadioNotification[];
  close(): Promise<void>;
}

export interface RadioWorldOptions {
  readonly way?: Way;
  /** Called before the radio starts, to put devices on the air. */
  readonly setUp?: (controller: VirtualController) => void;
  readonly onNotification?: RadioOptions['onNotification'];
  readonly wants?: RadioOptions['wants'];
  readonly timings?: RadioOptions['timings'];
  readonly holdOffMs?: RadioOptions['holdOffMs'];
  readonly onClock?: RadioOptions['onClock'];
  readonly cursors?: RadioOptions['cursors'];
  readonly zoneOf?: RadioOptions['zoneOf'];
  readonly aclLength?: number;
  readonly users?: RadioOptions['users'];
  readonly onBroadcast?: RadioOptions['onBroadcast'];
  readonly uptime?: RadioOptions['uptime'];
  /** Links that the controller has. */
  readonly maxLinks?: number;
}

export async function openRadioWorld(options: RadioWorldOptions = {}): Promise<RadioWorld> {
  const clock = createSimClock(STARTED_AT);
  const controller = new VirtualController({
    clock,
    advertisingIntervalMs: 10,
    ...(options.aclLength !== undefined && { aclLength: options.aclLength }),
    ...(options.maxLinks !== undefined && { maxLinks: options.maxLinks }),
  });
  options.setUp?.(controller);

  let server: H4Server | undefined;
  let transport: HciTransport;
  const folder = mkdtempSync(join(tmpdir(), 'radio-'));
  if (options.way === 'unix socket') {
    const path = join(folder, 'hci.sock');
    server = await serveH4({ controller, path });
    transport = await openH4UnixTransport({ path, clock: { now: () => 0 } });
  } else {
    transport = openVirtualTransport(controller);
  }

  const notes = {
    devices: [] as RadioDevice[],
    notifications: [] as RadioNotification[],
    links: [] as LinkChange[],
    clocks: [] as ClockEvent[],
    broadcasts: [] as Broadcast[],
    events: [] as string[],
  };
  const radio = openRadio({
    transport,
    profiles: PROFILES,
    wants: options.wants ?? (() => true),
    onDevice: (device) => void notes.devices.push(device),
    onNotification(notification) {
      notes.notifications.push(notification);
      return options.onNotification?.(notification);
    },
    onBroadcast: (broadcast) => void notes.broadcasts.push(broadcast),
    onLink: (change) => void notes.links.push(change),
    log: ({ event }) => void notes.events.push(event),
    uptime: options.uptime ?? (() => performance.now()),
    random: () => 0.5,
    timings: { backoffMs: 5, ...options.timings },
    onClock(event) {
      notes.clocks.push(event);
      options.onClock?.(event);
    },
    ...(options.users && { users: options.users }),
    ...(options.onBroadcast && { onBroadcast: options.onBroadcast }),
    ...(options.holdOffMs && { holdOffMs: options.holdOffMs }),
    ...(options.cursors && { cursors: options.cursors }),
    ...(options.zoneOf && { zoneOf: options.zoneOf }),
  });
  return {
    clock,
    controller,
    transport,
    radio,
    ...notes,
    heard: (characteristic) => notes.notifications.filter((n) => n.characteristic === characteristic),
    async close() {
      await radio.close();
      await server?.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition, which is looked at every few milliseconds. */
export async function until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come about in time');
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}
