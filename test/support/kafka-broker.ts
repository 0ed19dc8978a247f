/** A real Apache Kafka in KRaft mode on a folder of its own, which a test may kill, freeze and start again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openJournalKafka } from '../../journal/journal-kafka.ts';
import { freePorts } from './free-ports.ts';
import { until } from './until.ts';

const at = (path: string) => fileURLToPath(new URL(`../../deploy/kafka/${path}`, import.meta.url));
const START_MS = 90_000;

/** Brings Kafka's jars where that is possible; the reason where it is not. */
export function bringKafka(): string | undefined {
  const java = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (java.error) return 'no Java';
  const version = Number(/version "(\d+)/.exec(java.stderr)?.[1]);
  if (!(version >= 17)) return 'Java is older than 17';
  const jars = process.env.VERAVITA_KAFKA_JARS;
  if (jars !== undefined) return existsSync(jars) ? undefined : 'VERAVITA_KAFKA_JARS names no folder';
  const fetched = spawnSync(at('fetch.sh'), { encoding: 'utf8', timeout: 300_000 });
  return fetched.status === 0 ? undefined : "Kafka's jars could not be fetched (deploy/kafka/fetch.sh)";
}

/** Whether {@link bringKafka} has brought it. */
export function hasKafka(): boolean {
  const jars = process.env.VERAVITA_KAFKA_JARS ?? at('jars');
  return existsSync(jars) && spawnSync('java', ['-version']).error === undefined;
}

export interface KafkaBroker {
  /** `host:port`. */
  readonly address: string;
  /** Where everything of it is. */
  readonly directory: string;
  /** kill -9. */
  kill(): Promise<void>;
  /** Starts it again on the same folder; resolves when it works. */
  restart(): Promise<void>;
  /** SIGSTOP and SIGCONT: it is there and does not answer. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its folder. */
  dispose(): Promise<void>;
}

export async function startKafka(): Promise<KafkaBroker> {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-kafka-'));
  const [port, controllerPort] = await freePorts(2);
  const address = `127.0.0.1:${port}`;
  let child: ChildProcess;

  async function restart(): Promise<void> {
    let output = '';
    child = spawn(at('start.sh'), [directory, String(port), String(controllerPort)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-10_000);
    });
    await until(
      'Kafka works',
      async () => {
        if (child.exitCode !== null) throw new Error(`Kafka ended: ${output}`);
        const journal = openJournalKafka({
          brokers: [address],
          prefix: 'ready',
          name: 'ready',
          requestTimeoutMs: 2000,
        });
        const works = await journal.end().then(
          () => true,
          () => false,
        );
        await journal.close();
        return works;
      },
      START_MS,
    );
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  await restart();
  return {
    address,
    directory,
    kill: () => end('SIGKILL'),
    restart,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    async dispose() {
      await end('SIGKILL');
      rmSync(directory, { recursive: true, maxRetries: 5 });
    },
  };
}
