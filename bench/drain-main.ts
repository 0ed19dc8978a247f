/** `npm run bench:drain`: how long a backlog takes to drain, of very many agents at once and of one with very much. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.ts';
import { measureStorm } from './reconnect-storm.ts';
import { openServiceProcess } from './service-process.ts';
import { WEEK_SECONDS } from './week-messages.ts';
import { measureWeek } from './week-offline.ts';

const HELP = `Usage: npm run bench:drain [-- options]

Kills the service and its broker while agents go on hearing, starts it again, and measures until all of it is held.
Everything is real but the radios; state and data are in a temporary folder and take up to 2 GB.

  --agents N    how many come back at once (default 1000); 0 leaves this out
  --backlog N   readings of each meanwhile (default 100)
  --days N      of one agent without a network, four vital signs a second (default 7); 0 leaves this out
  --help        this text
`;

const tell = (line: string) => process.stderr.write(`${line}\n`);
const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      agents: { type: 'string', default: '1000' },
      backlog: { type: 'string', default: '100' },
      days: { type: 'string', default: '7' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [agents, backlog, days] = [Number(values.agents), Number(values.backlog), Number(values.days)];
  if (!Number.isInteger(agents) || agents < 0 || agents > 5000) throw new Error('--agents is 0 to 5000');
  if (!Number.isInteger(backlog) || backlog < 1 || backlog > 10_000) throw new Error('--backlog is 1 to 10000');
  if (!(days >= 0 && days <= 30)) throw new Error('--days is 0 to 30');
  const folder = mkdtempSync(join(tmpdir(), 'veravita-drain-'));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  process.once('exit', remove);
  const machine = describeMachine(folder);
  process.stdout.write(`${machine.cores} x ${machine.cpu}, ${machine.node}, load ${machine.load.toFixed(1)} before\n`);
  if (agents > 0) await storm(join(folder, 'storm'), agents, backlog);
  if (days > 0) await week(join(folder, 'week'), Math.round(days * (WEEK_SECONDS / 7)));
}

async function storm(data: string, agents: number, backlog: number): Promise<void> {
  const service = await openServiceProcess(data);
  const result = await measureStorm(service, data, { agents, backlog }, tell);
  await service.kill();
  const { batches, heldMs, halfMs, sent, filed, doubled } = result;
  process.stdout.write(
    `${agents} agents at once: ${batches} batches held after ${seconds(heldMs)}, half of the agents after ` +
      `${seconds(halfMs)}; ${sent} readings sent, ${filed} filed, ${sent - filed} lost, ${doubled} doubled\n`,
  );
}

async function week(data: string, weekSeconds: number): Promise<void> {
  const service = await openServiceProcess(data);
  const result = await measureWeek(service, data, join(data, '..', 'week-agent'), weekSeconds, tell);
  await service.kill();
  const { sent, batches, heardMs, heldMs, filedMs, filed, gatheringPeakMiB, drainingPeakMiB, stateMiB } = result;
  process.stdout.write(
    `one agent after ${(weekSeconds / 86_400).toFixed(2)} days: ${sent} readings, heard in ${seconds(heardMs)}, ` +
      `in ${batches} batches held after ${seconds(heldMs)}, filed after ${seconds(filedMs)} (${filed} filed); ` +
      `agent at most ${gatheringPeakMiB.toFixed(0)} MiB while it gathered and ${drainingPeakMiB.toFixed(0)} MiB while it ` +
      `drained, its state on disk ${stateMiB.toFixed(0)} MiB\n`,
  );
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`bench:drain: ${error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
