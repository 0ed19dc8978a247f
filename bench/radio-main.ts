/**
 * `npm run bench:radio`: what it costs to hear many wearables, each part in a process of its own: the air with the
 * straps, and the listener that is measured. Beside our radio, noble as it comes.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { AirCommand, AirReport, ListenerCommand, ListenerKind, ListenerReport } from './radio-messages.ts';

const HELP = `Usage: npm run bench:radio [-- options]

Measures how long it takes to connect and subscribe to many simulated straps, and the processor time and memory of
hearing them, in a process of its own over a unix socket. Compare the ratios of one run, not figures of two.

  --straps LIST   how many (default 100,500,1000)
  --hz N          values a second of each while it is measured (default 10)
  --seconds N     how long (default 10)
  --help          this text
`;

interface Row {
  readonly listener: ListenerKind;
  readonly straps: number;
  readonly subscribedMs: number;
  readonly sent: number;
  readonly heard: number;
  /** Of one core. */
  readonly cpuShare: number;
  readonly rssMiB: number;
}

/** Plenty for what is asked here; a listener that needs longer hangs. */
const PATIENCE_MS = 120_000;

async function measure(listener: ListenerKind, straps: number, command: AirCommand): Promise<Row> {
  const folder = mkdtempSync(join(tmpdir(), 'veravita-radio-'));
  const path = join(folder, 'hci.sock');
  const air = start('radio-air.ts', path, String(straps));
  const children = [air];
  try {
    await next<AirReport>(air);
    const ear = start('radio-listener.ts', listener, path, String(straps));
    children.push(ear);
    const { ms } = (await next<ListenerReport>(ear)) as Extract<ListenerReport, { kind: 'subscribed' }>;
    await ask<ListenerReport>(ear, { kind: 'start' } satisfies ListenerCommand);
    const { sent } = (await ask<AirReport>(air, command)) as Extract<AirReport, { kind: 'sent' }>;
    const measured = await ask<ListenerReport>(ear, { kind: 'stop', sent } satisfies ListenerCommand);
    const { heard, seconds, cpuSeconds, rssMiB } = measured as Extract<ListenerReport, { kind: 'measured' }>;
    return { listener, straps, subscribedMs: ms, sent, heard, cpuShare: cpuSeconds / seconds, rssMiB };
  } finally {
    for (const child of children) child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function start(script: string, ...args: string[]): ChildProcess {
  return fork(new URL(script, import.meta.url), args);
}

async function ask<T>(child: ChildProcess, message: object): Promise<T> {
  const answer = next<T>(child);
  child.send(message);
  return answer;
}

async function next<T>(child: ChildProcess): Promise<T> {
  const [message] = await once(child, 'message', { signal: AbortSignal.timeout(PATIENCE_MS) });
  return message as T;
}

function format(rows: readonly Row[], hz: number): string {
  const lines = rows.map(({ listener, straps, subscribedMs, sent, heard, cpuShare, rssMiB }) =>
    [
      listener.padEnd(8),
      String(straps).padStart(6),
      `${Math.round(subscribedMs)} ms`.padStart(12),
      String(sent).padStart(10),
      String(sent - heard).padStart(6),
      `${(100 * cpuShare).toFixed(1)} %`.padStart(10),
      `${rssMiB.toFixed(0)} MiB`.padStart(9),
    ].join(' '),
  );
  const head = `listener straps  subscribed   sent at ${hz}/s  lost  of a core    memory`;
  return [head, ...lines, ''].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      straps: { type: 'string', default: '100,500,1000' },
      hz: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '10' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const counts = values.straps.split(',').map(Number);
  const [hz, seconds] = [Number(values.hz), Number(values.seconds)];
  const isWithin = (n: number, most: number) => Number.isInteger(n) && n >= 1 && n <= most;
  if (!counts.every((n) => isWithin(n, 1500))) throw new Error('--straps lists whole numbers from 1 to 1500');
  if (!isWithin(hz, 100) || !isWithin(seconds, 600)) throw new Error('--hz is 1 to 100, --seconds 1 to 600');
  const rows: Row[] = [];
  for (const straps of counts) {
    for (const listener of ['radio', 'noble'] as const) {
      process.stderr.write(`Measuring ${listener} with ${straps} straps ...\n`);
      rows.push(await measure(listener, straps, { hz, seconds }));
    }
  }
  process.stdout.write(`\n${format(rows, hz)}`);
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`bench:radio: ${error instanceof Error ? error.message : 'failed'}\n`);
    process.exit(2);
  },
);
