/** One agent in a process of its own: a week without a network, as fast as it can take it, and then the way back. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openAgentGateway } from '../edge-agent/agent.ts';
import type { Gateway } from '../edge-agent/gateway.ts';
import type { WeekCommand, WeekReport } from './week-messages.ts';

const [folder = '', url = '', code = '', device = '', weekStart = ''] = process.argv.slice(2);

const HEART_RATE_MEASUREMENT = 0x2a37;
const PLX_CONTINUOUS = 0x2a5f;
const TEMPERATURE_MEASUREMENT = 0x2a1c;
/** Seconds that are under way at once. */
const WINDOW = 250;
const TELL_EVERY = 21_600;
/** So old an agent that is behind lets a batch become, by a clock that this week is faster than. */
const BATCH_SECONDS = 240;
/** Of real time: about a minute of the week's. */
const HEARTBEAT_MS = 100;

const tell = (report: WeekReport) => process.send!(report);
/** The week's own clock: what is heard was heard then. */
let now = Number(weekStart);

const gateway = await openAgentGateway({
  stateDirectory: folder,
  keysDirectory: join(folder, 'keys'),
  serviceUrl: url,
  code,
  zoneOf: () => 0,
  test: true,
  clock: () => now,
  batch: { maxLeaves: 500, maxAgeMs: 2000 },
  heartbeatMs: HEARTBEAT_MS,
});
tell({ kind: 'enrolled' });

process.on('message', (command: WeekCommand) => {
  if (command.kind === 'hear') void hearAll(gateway, command.seconds).then(() => drain(gateway));
  else void stop(gateway);
});

async function hearAll(agent: Gateway, seconds: number): Promise<void> {
  const under: Promise<void>[] = [];
  for (let second = 1; second <= seconds; second++) {
    now = Number(weekStart) + second * 1000;
    for (const [characteristic, value] of valuesAt(second)) {
      under.push(agent.hear({ device, connection: 1, characteristic, value, heardAt: now }));
    }
    while (under.length > WINDOW) await under.shift();
    if (second % BATCH_SECONDS === 0) await Promise.all([...under.splice(0), agent.flush()]);
    if (second % TELL_EVERY === 0) tell({ kind: 'progress', seconds: second, rssMiB: rssMiB() });
  }
  await Promise.all(under);
  await agent.flush();
  const { heard, outbox } = agent.status();
  tell({ kind: 'heard', readings: heard, batches: outbox, peakMiB: takePeakMiB() });
}

/** Another value each second, so that nothing looks like a double. */
function* valuesAt(second: number): Generator<readonly [number, Uint8Array]> {
  yield [HEART_RATE_MEASUREMENT, Uint8Array.of(0, 60 + (second % 60))];
  yield [PLX_CONTINUOUS, Uint8Array.of(0, 95 + (second % 5), 0, 60 + (second % 60), 0)];
  const tenths = 365 + (second % 10);
  yield [TEMPERATURE_MEASUREMENT, Uint8Array.of(0, tenths & 255, tenths >> 8, 0, 0xff)];
}

async function drain(agent: Gateway): Promise<void> {
  for (let tick = 0; ; tick++) {
    const { outbox, pending, held } = agent.status();
    if (outbox === 0 && pending === 0) break;
    if (tick % 100 === 0) tell({ kind: 'draining', held, outbox, rssMiB: rssMiB() });
    await pause(100);
  }
  tell({ kind: 'drained' });
}

async function stop(agent: Gateway): Promise<void> {
  const peakMiB = takePeakMiB();
  await agent.stop();
  const stateMiB = statSync(join(folder, 'agent.sqlite')).size / 2 ** 20;
  process.send!({ kind: 'stopped', peakMiB, stateMiB } satisfies WeekReport, () => process.disconnect());
}

function rssMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}

/** The most since the last call, as the kernel counts it (proc(5): clear_refs 5 begins anew). */
function takePeakMiB(): number {
  const peak = /VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'));
  writeFileSync('/proc/self/clear_refs', '5');
  return Number(peak?.[1]) / 1024;
}
