/** The service with its ledger writer as it really runs, in processes of its own, to be killed and started again. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

const INGEST = fileURLToPath(new URL('../ingest.mjs', import.meta.url));
const START_MS = 60_000;

export interface ServiceProcess {
  readonly url: string;
  /** SIGKILL to the service, its broker and its ledger writer at once. */
  kill(): Promise<void>;
  /** On the same ports and data. Resolves when it listens. */
  start(): Promise<void>;
}

/** `data`: a data directory of its own. */
export async function openServiceProcess(data: string): Promise<ServiceProcess> {
  const [port, mqttPort] = [await freePort(), await freePort()];
  const args = [INGEST, '--data', data, '--port', String(port), '--mqtt-port', String(mqttPort)];
  let child: ChildProcess | undefined;
  const service: ServiceProcess = {
    url: `http://127.0.0.1:${port}`,
    async kill() {
      if (!child?.pid || child.exitCode !== null) return;
      const ended = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL'); // the group: whatever it started too
      await ended;
      child = undefined;
    },
    async start() {
      const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
      child = started;
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('the service did not start')), START_MS);
        started.stdout!.setEncoding('utf8').on('data', (text: string) => {
          if (!text.includes('HTTP on')) return;
          clearTimeout(late);
          resolve();
        });
        started.once('exit', () => reject(new Error('the service ended')));
      });
    },
  };
  process.once('exit', () => void service.kill());
  await service.start();
  return service;
}

/** A port that nobody uses now: after a restart it must be the same. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await once(server.close(), 'close');
  return port;
}
