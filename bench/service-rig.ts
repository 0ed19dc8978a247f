/** The service's and the ledger writer's part of the road, taken apart: their own functions over their own stores. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createCorrecting } from '../ingest-service/correcting.ts';
import { createCounters } from '../ingest-service/counters.ts';
import { fileBatch } from '../ingest-service/file-batch.ts';
import { createFiler } from '../ingest-service/filer.ts';
import { openHeldBatch } from '../ingest-service/inbox.ts';
import { startIntake } from '../ingest-service/intake.ts';
import { openServiceKeys } from '../ingest-service/keys.ts';
import type { Agents } from '../ingest-service/record/agents.ts';
import { openRecordSqlite, type RecordStore } from '../ingest-service/record/record-sqlite.ts';
import { createUnsealer } from '../ingest-service/unseal.ts';
import type { Handle, Journal } from '../journal/journal.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { DEFAULT_ORIGIN } from '../ledger-writer/config.ts';
import { openKeyedLog } from '../ledger-writer/keyed-log.ts';
import { startLedgerWriter } from '../ledger-writer/writer.ts';
import { encodeHex } from '../protocol/bytes.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { decodePosition } from '../protocol/position.ts';
import { type Laps, Splits } from './laps.ts';

/** So long from one checkpoint to the next that none comes by itself. */
const NEVER_MS = 2 ** 30;

export interface ServiceRig {
  readonly agents: Agents;
  /** From an envelope to the signed acknowledgement of a durable batch. */
  receive(topic: string, envelope: Uint8Array): Promise<Uint8Array>;
  /** From the inbox into the record, and the commitment into the log. */
  file(): Promise<void>;
  /** A checkpoint over `batches` batches, whose positions come back; its time is divided among them. */
  checkpoint(batches: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens what a service and its ledger writer left in a data directory. */
export async function openServiceRig(directory: string, laps: Laps): Promise<ServiceRig> {
  const at = (...parts: string[]) => join(directory, ...parts);
  const keys = openServiceKeys(at('keys', 'service'), false);
  const recordConfig = { path: at('service', 'record.sqlite'), keyEncryptionKey: keys.keyEncryptionKey };
  const store = openRecordSqlite({ ...recordConfig, verify: verifyEd25519 });
  const inbox = openJournalSqlite({ path: at('service', 'inbox.sqlite') });
  const commitments = openJournalSqlite({ path: at('service', 'commitments.sqlite') });
  const positions = openJournalSqlite({ path: at('service', 'positions.sqlite') });
  const log = await openKeyedLog({
    directory: at('log'),
    keyDirectory: at('keys', 'log'),
    origin: DEFAULT_ORIGIN,
    newSeed: () => {
      throw new Error('the log is there');
    },
  });
  const unsealer = await createUnsealer(keys.hpkeSecret);
  const splits = new Splits(laps);
  const counters = createCounters();
  let beforeGate = false;

  // The real intake, divided where it calls what it was given.
  const intake = await startIntake({
    store,
    inbox: {
      async append(entries) {
        splits.end('consent at the gate, inbox seal');
        const given = await inbox.append(entries);
        splits.end('inbox append');
        return given;
      },
      read: (from, limit) => inbox.read(from, limit),
      end: () => inbox.end(),
      follow: (...args) => inbox.follow(...args),
      trim: (before) => inbox.trim(before),
      close: () => inbox.close(),
    },
    keys,
    unsealer: {
      publicKey: unsealer.publicKey,
      async open(envelope) {
        const plaintext = await unsealer.open(envelope);
        splits.end('HPKE open and inflate');
        return plaintext;
      },
    },
    verify(publicKey, message, signature) {
      splits.end('content decode');
      const holds = verifyEd25519(publicKey, message, signature);
      splits.end('header verify');
      return holds;
    },
    sha256(bytes) {
      const hashed = new Uint8Array(createHash('sha256').update(bytes).digest());
      splits.end('salt, hash, root rebuild');
      return hashed;
    },
    clock() {
      // Asked at the gate, and again when the acknowledgement is signed.
      if (beforeGate) splits.end('leaf decode, order and subject checks');
      beforeGate = false;
      return Date.now();
    },
    counters,
    filer: createFiler({
      ...{ store, clock: Date.now, counters },
      correcting: createCorrecting({ store, signer: keys.signer, verify: verifyEd25519, clock: Date.now }),
      onFiled: () => undefined,
    }),
  });
  const divided = divideFiling(store, splits);

  return {
    agents: store.agents,

    async receive(topic, envelope) {
      beforeGate = true;
      splits.start();
      const answer = await intake.receive(topic, envelope);
      splits.end('acknowledgement signature');
      if (!answer) throw new Error('the service did not answer: nothing was measured');
      return answer;
    },

    async file() {
      const from = performance.now();
      let filingMs = 0;
      await followOnce(inbox, 'pipeline', async (entries) => {
        const filingFrom = performance.now();
        for (const { id, body } of entries) {
          splits.start();
          const filing = fileBatch(divided, openHeldBatch(keys.inboxKey, id, body), Date.now());
          splits.end('file: index and commit');
          if (!filing || filing === 'revoked' || filing.withheld > 0)
            throw new Error('a batch was not filed whole: nothing was measured');
        }
        filingMs = performance.now() - filingFrom;
        await inbox.trim(entries.at(-1)!.position);
      });
      laps.add('inbox cursor and trim', performance.now() - from - filingMs);
      await laps.time('commitment relay and log entry', async () => {
        const unsent = store.commitments.unsent(500);
        await commitments.append(unsent.map((body) => ({ key: 'log', id: encodeHex(body), body })));
        store.transaction(() => {
          for (const commitment of unsent) store.commitments.markSent(commitment);
        });
        await followOnce(commitments, 'ledger-writer', async (entries) => {
          await log.append(entries.map(({ body }) => body));
        });
      });
    },

    async checkpoint(batches) {
      const from = performance.now();
      const writer = startLedgerWriter({ commitments, positions, log, intervalMs: NEVER_MS });
      await writer.flush();
      await followOnce(positions, 'record', async (entries) => {
        store.transaction(() => {
          for (const { body } of entries) {
            const { commitment, index } = decodePosition(body);
            store.commitments.setLogIndex(commitment, index);
          }
        });
      });
      laps.add('checkpoint (shared)', (performance.now() - from) / batches);
      await writer.stop();
    },

    async close() {
      await Promise.all([inbox.close(), commitments.close(), positions.close()]);
      await log.close();
      store.close();
    },
  };
}

/** A follower that handles what is there, keeps its cursor, and stops. */
async function followOnce(journal: Journal, name: string, handle: Handle): Promise<void> {
  const failed = Promise.withResolvers<never>();
  const follower = journal.follow(name, handle, { onError: failed.reject });
  await Promise.race([follower.caughtUp(), failed.promise]);
  await follower.stop();
}

/** The record, whose parts tell when the filing calls them. */
function divideFiling(store: RecordStore, splits: Splits): RecordStore {
  const { filedKeys, segments, latest } = store;
  return {
    ...store,
    filedKeys: {
      ...filedKeys,
      claim(patient, leaf) {
        splits.end('file: leaf decode and consent');
        const isNew = filedKeys.claim(patient, leaf);
        splits.end('file: doubles');
        return isNew;
      },
    },
    segments: {
      ...segments,
      insert(patient, batch, segment) {
        splits.end('file: doubles');
        segments.insert(patient, batch, segment);
        splits.end('file: segment seal');
      },
    },
    latest: {
      ...latest,
      noteReading(patient, reading, timeKnown) {
        latest.noteReading(patient, reading, timeKnown);
        splits.end('file: latest values');
      },
    },
  };
}
