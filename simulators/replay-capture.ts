/** `npm run simulate -- replay`: the device of a btsnoop recording, on a virtual controller that any host may attach to. */
import { readFileSync } from 'node:fs';
import { readBtsnoop } from './btsnoop/btsnoop-file.ts';
import { parseCachedTable } from './btsnoop/cached-table.ts';
import { extractPeripheral } from './btsnoop/extract-peripheral.ts';
import { createReplayPeripheral, playCaptures, type ReplayOutcome } from './btsnoop/replay-peripheral.ts';
import { type H4Place, type H4Server, serveH4 } from './hci/h4-server.ts';
import { createSimClock } from './hci/sim-clock.ts';
import { VirtualController } from './hci/virtual-controller.ts';

export interface ReplaySettings {
  readonly input: string;
  readonly place: H4Place;
  readonly speed: number;
  readonly device?: string;
  readonly cached?: string;
}

export interface CaptureReplay {
  readonly server: H4Server;
  /** Of the simulated device. */
  readonly address: string;
  /** Resolves when everything was played; waits for a host that subscribes. */
  readonly played: Promise<ReplayOutcome>;
}

/** Throws a fault, `not-found` when the device has to be named. `monotonic`: real milliseconds. */
export async function replayCapture(settings: ReplaySettings, monotonic: () => number): Promise<CaptureReplay> {
  const { input, place, speed, device, cached } = settings;
  const records = readBtsnoop(new Uint8Array(readFileSync(input)));
  const table = cached === undefined ? undefined : parseCachedTable(readFileSync(cached, 'utf8'));
  const capture = extractPeripheral(records, { ...(device && { address: device }), ...(table && { cached: table }) });
  const peripheral = createReplayPeripheral(capture);
  const startsAt = capture.events[0]?.at ?? 0;
  const clock = createSimClock(startsAt);
  const controller = new VirtualController({ clock });
  controller.add(peripheral);
  const server = await serveH4({ controller, ...place });
  async function play(): Promise<ReplayOutcome> {
    await Promise.all(peripheral.speaks.map((uuid) => peripheral.whenSubscribed(uuid)));
    const began = monotonic();
    return playCaptures([peripheral], clock, async (at) => {
      const wait = (at - startsAt) / speed - (monotonic() - began);
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    });
  }
  return { server, address: peripheral.address, played: play() };
}
