/**
 * Everything of Veravita in one process, over one data directory, with engines that need no server. The only file here
 * that knows the other folders; what it starts is the real thing.
 *
 *     DIR/keys/{service,log,agents/<home>,patients}   secrets, each in its owner's folder
 *     DIR/service/                                    record and journals
 *     DIR/agents/<home>/                              an agent's pending readings and outbox
 *     DIR/log/                                        the public log
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Agent, startAgent } from '../edge-agent/agent.ts';
import { isEnrolled } from '../edge-agent/enrol.ts';
import type { HciTransport } from '../edge-agent/radio/hci-transport.ts';
import type { ServiceTls } from '../ingest-service/broker.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { type IngestService, startIngestService } from '../ingest-service/service.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { DEFAULT_ORIGIN } from '../ledger-writer/config.ts';
import { openKeyedLog } from '../ledger-writer/keyed-log.ts';
import type { Log } from '../ledger-writer/log.ts';
import { startLedgerWriter } from '../ledger-writer/writer.ts';
import type { Assignment } from '../protocol/enrolment.ts';
import { isFault } from '../protocol/fault.ts';
import type { Instant } from '../protocol/time.ts';
import type { RecordReading } from './reconcile.ts';

export interface WorldConfig {
  readonly directory: string;
  /** 0: any free port. */
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly tls?: ServiceTls;
  /** Folder of the built pages; absent: API only. */
  readonly pages?: string;
  /** From one checkpoint to the next; 1,000 ms by default. */
  readonly checkpointMs?: number;
  /** Told what goes wrong and is tried again; nothing personal in it. */
  readonly onTrouble?: (what: string) => void;
  /** Told of each step of an erasure. */
  readonly onErasingStep?: (step: string) => void;
}

/** A place with one agent and the wearables around it. */
export interface HomeConfig {
  /** Names the agent's folders. */
  readonly name: string;
  /** Open; the agent closes it. */
  readonly transport: HciTransport;
  /** Minutes east of UTC at an instant. */
  readonly zoneOf: (instant: Instant) => number;
  /** Whose wearables the agent may speak for, by record-local patient id. */
  readonly assignments: readonly (Pick<Assignment, 'address' | 'addressType'> & { readonly patient: string })[];
  readonly batch: { readonly maxLeaves: number; readonly maxAgeMs: number };
  /** A one-time enrolment code, such as a patient asked for; without one, the world makes one for the assignments. */
  readonly code?: string;
  /** Told of what an operator should know; nothing personal. */
  readonly onFailure?: (error: unknown) => void;
}

/** A running agent. */
export type Home = Agent;

export interface World {
  readonly service: IngestService;
  readonly log: Log;
  /** Admits a patient by their first key; the same key again is the same patient. The answer is their record-local id. */
  admitPatient(publicKey: Uint8Array, name: string): string;
  /** Adds a member of staff whom patients can name in grants. */
  admitStaff(id: string, name: string, occupation: string): void;
  /** All readings of a patient and vital sign that are in the record. */
  filedReadings(patient: string, vital: number): Iterable<RecordReading>;
  startHome(config: HomeConfig): Promise<Home>;
  /** Newest time of measurement of a patient's readings; 0 when there are none. */
  newestReadingAt(patient: string): Instant;
  /** Batches in the record. */
  countBatches(): number;
  /** Everything that agents handed over is filed and in a signed checkpoint. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export async function openWorld(config: WorldConfig): Promise<World> {
  const root = resolve(config.directory);
  const at = (...parts: string[]) => join(root, ...parts);
  mkdirSync(at('service'), { recursive: true, mode: 0o700 });
  mkdirSync(at('keys'), { recursive: true, mode: 0o700 });
  const log = await openKeyedLog({
    directory: at('log'),
    keyDirectory: at('keys', 'log'),
    origin: DEFAULT_ORIGIN,
    newSeed: () => new Uint8Array(randomBytes(32)),
  });
  const inbox = openJournalSqlite({ path: at('service', 'inbox.sqlite') });
  const commitments = openJournalSqlite({ path: at('service', 'commitments.sqlite') });
  const positions = openJournalSqlite({ path: at('service', 'positions.sqlite') });
  const writer = startLedgerWriter({
    commitments,
    positions,
    log,
    onError: (error) => config.onTrouble?.(`the log: ${isFault(error) ? error.message : 'failed'}`),
    ...(config.checkpointMs && { intervalMs: config.checkpointMs }),
  });
  const service = await startIngestService({
    directory: at('service'),
    keysDirectory: at('keys', 'service'),
    inbox,
    commitments,
    positions,
    readLog: openLogReader(at('log')),
    logDirectory: at('log'),
    ...(config.onErasingStep && { onErasingStep: config.onErasingStep }),
    logKey: log.key,
    clock: Date.now,
    monotonic: () => performance.now(),
    httpPort: config.httpPort,
    mqttPort: config.mqttPort,
    ...(config.pages && { pages: config.pages }),
    ...(config.tls && { tls: config.tls }),
  });
  const agents: Agent[] = [];

  return {
    service,
    log,

    admitPatient: (publicKey, name) => service.store.patients.admit(publicKey, { name, test: true }).id,

    admitStaff: (id, name, occupation) => service.store.patients.admitStaff(id, { name, occupation, test: true }),

    *filedReadings(patientId, vital) {
      const patient = service.store.patients.byId(patientId);
      if (!patient) return;
      for (const { leaf, batch } of service.store.segments.readings(patient, vital, { sort: 'asc' })) {
        const { device, measuredAt, value } = leaf;
        const inLog = service.store.batches.logIndex(batch) !== undefined;
        yield { device, measuredAt, inLog, ...(value !== undefined && { value }) };
      }
    },

    async startHome({ name, transport, zoneOf, assignments, batch, code, onFailure }) {
      const keysDirectory = at('keys', 'agents', name);
      const agent = await startAgent({
        stateDirectory: at('agents', name),
        keysDirectory,
        serviceUrl: service.url,
        brokerUrl: service.brokerUrl,
        ...(!isEnrolled(keysDirectory) && { code: code ?? service.createEnrolmentCode(assignments) }),
        transport,
        zoneOf,
        test: true,
        batch,
        heartbeatMs: 60_000,
        ...(onFailure && { onFailure }),
      });
      agents.push(agent);
      return agent;
    },

    newestReadingAt: (patient) =>
      Math.max(0, ...service.store.latest.readings(patient).map(({ measuredAt }) => measuredAt)),

    countBatches: () => service.store.batches.count(),

    async settle() {
      await service.caughtUp();
      await writer.flush();
    },

    async stop() {
      await Promise.all(agents.map((agent) => agent.stop()));
      await service.stop();
      await writer.stop();
      await Promise.all([inbox.close(), commitments.close(), positions.close()]);
      await log.close();
    },
  };
}
