/** `node ingest-service/main.ts`: the service as a process of its own; `ingest.mjs` runs the ledger writer beside it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { assertSameEngine } from '../journal/engine-choice.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { isLoopback } from '../journal/kafka/address.ts';
import { openDatabase } from '../journal/sqlite.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { type NoteKey, parseVerifierKey } from '../protocol/signed-note.ts';
import { operateAgents } from './agent-commands.ts';
import type { ServiceTls } from './broker.ts';
import { HELP, type RunSettings, readIngestConfig, servicePaths } from './config.ts';
import { openLogReader } from './log-reader.ts';
import { admitPatient, issueCode, orderErasure } from './operator.ts';
import { type IngestService, startIngestService } from './service.ts';

const EXIT_FAILED = 1;
const EXIT_BAD_USAGE = 2;
const PAGES = fileURLToPath(new URL('../consoles/dist', import.meta.url));

const LOG_KEY_POLL_MS = 50;
const LOG_KEY_TOLD_MS = 3_000;
const JOURNAL_POLL_MS = 500;

/** Told to stop: by the terminal, by the system, or by the end of whoever started us. */
const stopAsked = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'disconnect'] as const) {
  process.on(signal, () => {
    if (stopAsked.signal.aborted && signal !== 'disconnect') process.exit(EXIT_FAILED); // asked twice
    stopAsked.abort();
  });
}

if (process.send && !process.connected) stopAsked.abort();

async function main(): Promise<number> {
  const config = readIngestConfig(process.argv.slice(2));
  switch (config.kind) {
    case 'help':
      process.stdout.write(HELP);
      return 0;
    case 'refused':
      for (const problem of config.problems) process.stderr.write(`ingest: ${problem}\n`);
      return EXIT_BAD_USAGE;
    case 'patient':
      say(admitPatient(config.settings));
      return 0;
    case 'code':
      say(issueCode(config.settings, Date.now));
      return 0;
    case 'erase':
      say(orderErasure(config.settings, Date.now));
      return 0;
    case 'run':
      return run(config.settings);
    default:
      return operateAgents(config);
  }
}

async function run(settings: RunSettings): Promise<number> {
  const { data, host, kafka } = settings;
  const paths = servicePaths(data);
  const lock = lockData(paths.lock, data);
  // Whoever runs a ledger writer beside us learns where.
  process.send?.({ data, journal: kafka?.url });
  const logKey = await waitForLogKey(paths.logKey);
  if (!logKey) return 0;
  const journals = await openJournals(settings);
  if (!(await waitForJournal(journals.inbox))) return 0;
  const pages = settings.pages ?? PAGES;
  const tls = settings.tls && readTls(settings.tls);
  const service = await startIngestService({
    ...journals,
    directory: paths.directory,
    keysDirectory: paths.keys,
    readLog: openLogReader(paths.log),
    logDirectory: paths.log,
    logKey,
    clock: Date.now,
    monotonic: () => performance.now(),
    host,
    httpPort: settings.httpPort,
    mqttPort: settings.mqttPort,
    ...(settings.brokerUrl && { brokerUrl: settings.brokerUrl }),
    ...(existsSync(pages) && { pages }),
    ...(tls && { tls }),
  });
  if (!tls && !['127.0.0.1', '::1', 'localhost'].includes(host)) {
    process.stderr.write(
      `WARNING: listening on ${host} without TLS: whoever is on that network can read sessions and what is shown.\n`,
    );
  }
  if (kafka && !isLoopback(kafka)) {
    process.stderr.write(
      'WARNING: Kafka is on another machine, without TLS: ids and keys of agents go in the clear.\n',
    );
  }
  say(`HTTP on ${service.url}, MQTT on ${service.brokerUrl}, data in ${data}. Ctrl-C stops.`);
  process.send?.('ready');
  if (!stopAsked.signal.aborted) await new Promise((resolve) => stopAsked.signal.addEventListener('abort', resolve));
  await service.stop();
  await Promise.all(Object.values(journals).map((journal) => journal.close()));
  lock.close();
  sayRefusals(service);
  say('Stopped. The same command goes on with the same data.');
  return 0;
}

/** In Kafka, where the settings say so. */
async function openJournals({ data, kafka }: RunSettings) {
  const { inbox, commitments, positions, indexes } = servicePaths(data);
  assertSameEngine({ sqlitePath: inbox, indexDirectory: indexes, kafka: kafka !== undefined });
  if (!kafka) {
    return {
      inbox: openJournalSqlite({ path: inbox }),
      commitments: openJournalSqlite({ path: commitments }),
      positions: openJournalSqlite({ path: positions }),
    };
  }
  const { openJournalKafka } = await import('../journal/journal-kafka.ts');
  const open = (name: string) => openJournalKafka({ ...kafka, name, indexPath: join(indexes, `${name}.sqlite`) });
  return { inbox: open('inbox'), commitments: open('commitments'), positions: open('positions') };
}

/** A journal that other machines hold may be there later than we are. False when told to stop before. */
async function waitForJournal(journal: Journal): Promise<boolean> {
  for (let told = false; !stopAsked.signal.aborted; told = true) {
    try {
      await journal.end();
      return true;
    } catch (error) {
      if (!isFault(error, 'unavailable') || error.retry === 'never') throw error;
      if (!told) process.stderr.write(`waiting for the journal: ${error.message}\n`);
      await pause(JOURNAL_POLL_MS);
    }
  }
  return false;
}

function readTls(files: NonNullable<RunSettings['tls']>): ServiceTls {
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      throw new Fault('missing', `${path} cannot be read`);
    }
  };
  const { cert, key, clientCa } = files;
  return { cert: read(cert), key: read(key), ...(clientCa !== undefined && { clientCa: read(clientCa) }) };
}

/** Two services on one record would each believe that they decide alone. The lock dies with the process. */
function lockData(path: string, data: string) {
  try {
    return openDatabase(path, { exclusive: true, busyTimeoutMs: 0 });
  } catch (error) {
    if (isFault(error, 'unavailable') && error.retry === 'later') {
      throw new Fault('unavailable', `another service runs on ${data}`);
    }
    throw error;
  }
}

/** The ledger writer makes the key on its first start. Undefined when told to stop before. */
async function waitForLogKey(path: string): Promise<NoteKey | undefined> {
  let waitedMs = 0;
  while (!existsSync(path)) {
    if (stopAsked.signal.aborted) return undefined;
    if (waitedMs === LOG_KEY_TOLD_MS) {
      process.stderr.write(`waiting for the log's key ${path}: start the ledger writer on the same data directory\n`);
    }
    await pause(LOG_KEY_POLL_MS);
    waitedMs += LOG_KEY_POLL_MS;
  }
  return parseVerifierKey(readFileSync(path, 'utf8').trim());
}

function sayRefusals({ counters }: IngestService): void {
  for (const [name, count] of Object.entries(counters.snapshot())) {
    if (/refused|failed/.test(name)) say(`  ${name}: ${count}`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describe(error: unknown): string {
  if (isFault(error)) return error.message;
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') return `port ${port} is in use; choose another with --port or --mqtt-port`;
  if (code === 'EACCES' && port !== undefined) return `this user may not listen on port ${port}`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `${address ?? 'that'} is no address of this machine`;
  return code ? `failed (${code})` : 'unexpected failure';
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`ingest: ${describe(error)}\n`);
    process.exit(EXIT_FAILED);
  },
);
