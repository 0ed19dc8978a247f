/** The service and the ledger writer over a data directory, as processes of their own, for as long as the audit reads. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Fault } from '../../protocol/fault.ts';

export interface RunningService {
  readonly url: string;
  /** What the ledger writer said when it would not run on this log. */
  readonly writerRefused: () => string | undefined;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const SETTLE_MS = 60_000;
/** Node itself may hang when it ends (nodejs/node#54918); all is on the disk by then. */
const STOP_MS = 20_000;
const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Throws `unavailable` when the service does not start, such as where one runs already. */
export async function startService(data: string): Promise<RunningService> {
  const service = spawnNode('ingest-service/main.ts', '--data', data, '--port', '0', '--mqtt-port', '0');
  const writer = spawnNode('ledger-writer/main.ts', '--data', data, '--interval', '100');
  const stop = async () => {
    await Promise.all([end(service.child), end(writer.child)]);
  };
  try {
    const startedBy = Date.now() + START_MS;
    while (!service.output().includes('HTTP on')) {
      if (hasEnded(service.child) || Date.now() > startedBy) {
        throw new Fault('unavailable', `the service does not start: ${service.output().trim().split('\n').at(-1)}`);
      }
      await pause(10);
    }
    const url = /HTTP on ([^,]+),/.exec(service.output())![1]!;
    await settle(data, () => hasEnded(writer.child));
    return {
      url,
      writerRefused: () => (hasEnded(writer.child) ? (writer.output().trim().split('\n').at(-1) ?? '') : undefined),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Until what waited in the journals is filed, logged and known to be, or nothing moves any more. */
async function settle(data: string, writerIsGone: () => boolean): Promise<void> {
  const behind = () => {
    const inbox = backlog(join(data, 'service', 'inbox.sqlite'), 'pipeline');
    const unlogged = backlog(join(data, 'service', 'commitments.sqlite'), 'ledger-writer');
    const untold = backlog(join(data, 'service', 'positions.sqlite'), 'record');
    return inbox + untold + (writerIsGone() ? 0 : unlogged);
  };
  const giveUpAt = Date.now() + SETTLE_MS;
  for (let still = 0; still < 3 && Date.now() < giveUpAt; ) {
    still = behind() === 0 ? still + 1 : 0;
    await pause(150); // longer than the writer's interval, so that what was just taken is in a checkpoint
  }
}

function backlog(path: string, follower: string): number {
  const db = new DatabaseSync(path, { readOnly: true, timeout: 2000 });
  try {
    const end = db.prepare('SELECT coalesce(max(position) + 1, 0) AS n FROM entries').get()!.n as number;
    const next = db.prepare('SELECT next AS n FROM followers WHERE name = ?').get(follower)?.n as number | undefined;
    return end - (next ?? 0);
  } finally {
    db.close();
  }
}

function spawnNode(program: string, ...args: string[]) {
  // The end of the channel tells them to stop when the auditor is killed.
  const child = spawn(process.execPath, [at(program), ...args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  await gone;
  clearTimeout(patience);
}
