/** A whole agent, radio and bonds included, with one simulated device of a family on its air and a service behind it. */
import { rmSync } from 'node:fs';
import { type Agent, startAgent } from '../../edge-agent/agent.ts';
import type { RadioTimings } from '../../edge-agent/radio/radio-timings.ts';
import type { Leaf, ReadingLeaf } from '../../protocol/leaf.ts';
import type { PairingFailure } from '../../protocol/pairing-failure.ts';
import { createSimClock, type SimClock } from '../../simulators/hci/sim-clock.ts';
import { VirtualController } from '../../simulators/hci/virtual-controller.ts';
import type { VirtualPeripheral } from '../../simulators/hci/virtual-peripheral.ts';
import { openVirtualTransport } from '../../simulators/hci/virtual-transport.ts';
import { CUFF, gatewayOptions, issueCode, makeFolder, NOON, SUBJECT } from './test-gateway.ts';
import { TestService } from './test-service.ts';
import { until } from './until.ts';

/** The device that the agent is enrolled for. */
export const FAMILY = { address: CUFF, serial: 'Q-1' } as const;

export interface QuirkWorld {
  readonly clock: SimClock;
  /** The one that runs, or ran last. */
  readonly agent: Agent;
  readonly service: TestService;
  /** How often each word was logged. */
  logged(word: string): number;
  /** Lets time pass for whatever waits before it connects again. */
  pass(ms: number): void;
  /** What the service holds of one characteristic, once there are so many. */
  filed(characteristic: number, count: number): Promise<ReadingLeaf[]>;
  leaves(): Leaf[];
  /** The patient says that a user of the device is themself. */
  claim(userIndex: number): Promise<void>;
  /** The patient pairs the device, which `appears` once that has begun and needs no digits. */
  pairAnew(appears: () => void): Promise<void>;
  /** The patient pairs the device, which `appears` once that has begun, and types its six digits. */
  pairBy(passkey: number, appears: () => void): Promise<void>;
  /** Why the pairing failed, once it has. */
  refusal(): Promise<PairingFailure>;
  /** The agent stops, and starts again with what it has kept. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface QuirkWorldOptions {
  /** On the same air; one at the address `STRAP` is the patient's, too. */
  readonly beside?: readonly VirtualPeripheral[];
  /** Links that the controller has. */
  readonly maxLinks?: number;
  readonly timings?: Partial<RadioTimings>;
}

/** The clock of the air stands at noon. */
export async function openQuirkWorld(
  device: VirtualPeripheral,
  { beside = [], maxLinks, timings }: QuirkWorldOptions = {},
): Promise<QuirkWorld> {
  const service = await new TestService().start();
  const folder = makeFolder();
  const clock = createSimClock(NOON);
  const air = { clock, advertisingIntervalMs: 10, ...(maxLinks !== undefined && { maxLinks }) };
  const controller = new VirtualController(air);
  for (const one of [device, ...beside]) controller.add(one);
  const lines: string[] = [];
  const note = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`);
  let passed = 0;
  let commands = 0;
  const who = { address: CUFF, addressType: 'random' } as const;
  const { transport: _, ...options } = gatewayOptions(folder, service.url, issueCode(service));
  const start = () =>
    startAgent({
      ...options,
      transport: openVirtualTransport(controller),
      uptime: () => performance.now() + passed,
      radio: { backoffMs: 5, backoffMaxMs: 20, ...timings },
      log: { info: note, warn: note, error: note },
    });
  let agent = await start();
  async function links() {
    const reports = await Promise.all(service.reports.map((sealed) => service.openReport(sealed)));
    return reports.flatMap(({ content }) => (content.type === 'link' ? [content] : []));
  }
  const reported = (wanted: string) => async () => (await links()).some(({ state }) => state === wanted);
  async function begin(appears: () => void): Promise<void> {
    await service.act(++commands, [{ type: 'assign', ...who, subject: SUBJECT }]);
    await until('pairing has begun', reported('connecting'));
    appears();
  }
  return {
    clock,
    get agent() {
      return agent;
    },
    service,
    logged: (word) => lines.filter((line) => line.includes(word)).length,
    pass(ms) {
      passed += ms;
    },
    async filed(characteristic, count) {
      const found = () => service.readings.filter((reading) => reading.characteristic === characteristic);
      await until(`${count} readings`, async () => {
        await agent.settled();
        return found().length >= count;
      });
      return found();
    },
    leaves: () => service.batches.flatMap(({ leaves }) => leaves),
    claim: (userIndex) => service.act(++commands, [{ type: 'claim', ...who, userIndex, subject: SUBJECT }]),
    pairAnew: begin,
    async pairBy(passkey, appears) {
      await begin(appears);
      await until('the digits are asked for', reported('passkey-needed'));
      await service.act(++commands, [{ type: 'passkey', ...who, passkey }]);
    },
    async refusal() {
      await until('the pairing has failed', reported('failed'));
      return (await links()).findLast(({ failure }) => failure !== undefined)!.failure!;
    },
    async restart() {
      await agent.stop();
      agent = await start();
    },
    async close() {
      await agent.stop();
      await service.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
