/** The service's machine: ingest service and ledger writer, two processes over one disk, each as its main.ts starts it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openLogReader } from '../../ingest-service/log-reader.ts';
import type { RecordStore } from '../../ingest-service/record/record-sqlite.ts';
import { type IngestService, startIngestService } from '../../ingest-service/service.ts';
import type { Journal } from '../../journal/journal.ts';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { DEFAULT_ORIGIN } from '../../ledger-writer/config.ts';
import { openKeyedLog } from '../../ledger-writer/keyed-log.ts';
import type { Log } from '../../ledger-writer/log.ts';
import { type LedgerWriter, startLedgerWriter } from '../../ledger-writer/writer.ts';
import { isFault } from '../../protocol/fault.ts';
import { type NoteKey, parseVerifierKey } from '../../protocol/signed-note.ts';
import type { Machine, SimProcess } from './machine.ts';
import { HTTP_PORT, MQTT_PORT } from './network.ts';
import { runAs } from './scheduler.ts';

export interface RunningService {
  readonly process: SimProcess;
  readonly service: IngestService;
  readonly stop: () => Promise<void>;
}

export interface RunningWriter {
  readonly process: SimProcess;
  readonly log: Log;
  readonly writer: LedgerWriter;
  readonly stop: () => Promise<void>;
}

export interface HubOptions {
  readonly machine: Machine;
  /** The log contradicts itself: it would stop for good. */
  readonly onContradiction: (error: unknown) => void;
  /** Plants a defect in what the intake takes for its inbox. */
  readonly spoilInbox?: (inbox: Journal) => Journal;
  /** Plants a defect in what the service does once it runs. */
  readonly spoilStore?: (store: RecordStore) => void;
}

/** Where the key of the log is, for who reads it. */
export function logKeyOf(directory: string): NoteKey {
  return parseVerifierKey(readFileSync(join(directory, 'keys', 'log', 'log.vkey'), 'utf8').trim());
}

export async function startWriter(
  { machine, onContradiction }: HubOptions,
  process: SimProcess,
): Promise<RunningWriter> {
  return runAs(process, async () => {
    const at = (...parts: string[]) => join(machine.disk.directory, ...parts);
    const log = await openKeyedLog({
      directory: at('log'),
      keyDirectory: at('keys', 'log'),
      origin: DEFAULT_ORIGIN,
      newSeed: () => {
        const seed = new Uint8Array(32);
        for (let i = 0; i < 32; i++) seed[i] = Math.floor(256 * Math.random());
        return seed;
      },
    });
    const commitments = openJournalSqlite({ path: at('service', 'commitments.sqlite') });
    const positions = openJournalSqlite({ path: at('service', 'positions.sqlite') });
    const writer = startLedgerWriter({
      commitments,
      positions,
      log,
      intervalMs: 800,
      onError: (error) => {
        if (process.alive && isFault(error) && error.retry === 'never') onContradiction(error);
      },
    });
    const stop = async () => {
      await writer.stop();
      await commitments.close();
      await positions.close();
      await log.close();
    };
    return { process, log, writer, stop };
  });
}

export async function startService(
  { machine, spoilInbox = (inbox) => inbox, spoilStore }: HubOptions,
  process: SimProcess,
): Promise<RunningService> {
  return runAs(process, async () => {
    const at = (...parts: string[]) => join(machine.disk.directory, ...parts);
    // The ledger writer makes the key of the log at its first start.
    while (!existsSync(at('keys', 'log', 'log.vkey'))) await new Promise((resolve) => setTimeout(resolve, 100));
    const inbox = openJournalSqlite({ path: at('service', 'inbox.sqlite') });
    const commitments = openJournalSqlite({ path: at('service', 'commitments.sqlite') });
    const positions = openJournalSqlite({ path: at('service', 'positions.sqlite') });
    const service = await startIngestService({
      directory: at('service'),
      keysDirectory: at('keys', 'service'),
      inbox: spoilInbox(inbox),
      commitments,
      positions,
      readLog: openLogReader(at('log')),
      logKey: logKeyOf(machine.disk.directory),
      clock: Date.now,
      monotonic: () => performance.now(),
      httpPort: HTTP_PORT,
      mqttPort: MQTT_PORT,
    });
    spoilStore?.(service.store);
    const stop = async () => {
      await service.stop();
      await Promise.all([inbox.close(), commitments.close(), positions.close()]);
    };
    return { process, service, stop };
  });
}
