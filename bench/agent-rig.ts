/** The agent's part of the road, taken apart: its own functions over its own database, stage by stage. */
import { randomBytes } from 'node:crypto';
import { Collect } from '../edge-agent/collect.ts';
import { Coverage } from '../edge-agent/coverage.ts';
import { openDatabase } from '../edge-agent/database.ts';
import { openDoubles } from '../edge-agent/doubles.ts';
import { loadEnrolment } from '../edge-agent/enrol.ts';
import { type AgentKeys, openKeys } from '../edge-agent/keys.ts';
import { Observer } from '../edge-agent/observe.ts';
import { Outbox } from '../edge-agent/outbox.ts';
import { Pending } from '../edge-agent/pending.ts';
import { ReadingLeaves } from '../edge-agent/reading-leaves.ts';
import { createContentSealer, type SealedBatch, sealBatch } from '../edge-agent/seal.ts';
import { openSecretFiles } from '../edge-agent/secret-files.ts';
import { openAcknowledgement } from '../protocol/acknowledgement.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { type Laps, Splits } from './laps.ts';
import { agentFolders, STRAP } from './site.ts';
import { type Beat, HEART_RATE_MEASUREMENT } from './workload.ts';

/** Most readings that share one commit of pending readings; more would be a backlog that nobody has. */
const GROUP = 500;

export interface AgentRig {
  readonly keys: AgentKeys;
  /** Of the broker. */
  readonly password: string;
  /** From notifications to durable pending readings. */
  hear(beats: readonly Beat[]): void;
  /** The oldest pending readings as a batch that is in the outbox; `undefined` when there are none. */
  seal(limit: number): Promise<SealedBatch | undefined>;
  /** The service's signed word for a batch. */
  acknowledge(sequence: number, signed: Uint8Array): void;
  /** The service's word that all batches are in the log. */
  forget(sequence: number): void;
  close(): void;
}

/** Opens what an enrolled agent left in a data directory. */
export async function openAgentRig(directory: string, laps: Laps, startsAt: number): Promise<AgentRig> {
  const { stateDirectory, keysDirectory } = agentFolders(directory);
  const files = openSecretFiles(keysDirectory);
  const keys = openKeys(files, false);
  const { agent, signer, storageKey, doublesKey } = keys;
  const { devices, serviceKey, hpkeKey, broker } = loadEnrolment(files);
  const db = openDatabase(stateDirectory, agent);
  const collect = new Collect(db);
  const pending = new Pending({
    db,
    doubles: openDoubles(db, Date.now),
    storageKey,
    boot: new Uint8Array(randomBytes(16)),
    groupMs: 60_000, // committed by hand
    clock: () => startsAt,
    onCommit: () => undefined,
    onDiskFull: () => undefined,
    onFailure: fail,
  });
  const observer = new Observer({
    devices,
    isPermitted: (subject) => collect.isPermitted(subject),
    leaves: new ReadingLeaves({ zoneOf: () => 0, test: true }),
    test: true,
    hold: fail,
    doublesKey,
    pending,
    coverage: new Coverage(devices, { from: startsAt, test: true }),
  });
  const outbox = new Outbox(db, storageKey);
  const sealContent = await createContentSealer(hpkeKey);
  const splits = new Splits(laps);
  // The real function, divided where it calls its signer and its cipher.
  const tools: Parameters<typeof sealBatch>[2] = {
    spokenOf: (subject) => outbox.spokenOf(subject),
    signer: {
      publicKey: signer.publicKey,
      sign(message) {
        splits.end('leaf decode, sort, salt, hash, root');
        const signature = signer.sign(message);
        splits.end('header signature');
        return signature;
      },
    },
    async sealContent(plaintext, id) {
      splits.end('encode and deflate');
      const envelope = await sealContent(plaintext, id);
      splits.end('HPKE seal');
      return envelope;
    },
  };

  return {
    keys,
    password: broker.password,

    hear(beats) {
      for (let from = 0; from < beats.length; from += GROUP) {
        laps.time('observe and decode', () => {
          for (const { at, ...beat } of beats.slice(from, from + GROUP)) {
            const heard = {
              device: STRAP,
              connection: 1,
              characteristic: HEART_RATE_MEASUREMENT,
              heardAt: at,
              ...beat,
            };
            observer.hear(heard).catch(fail);
          }
        });
        laps.time('pending append (group commit)', () => pending.commit());
      }
    },

    async seal(limit) {
      const rows = laps.time('pending read back', () => pending.oldest(limit));
      if (!rows) return undefined;
      const place = { agent, boot: rows.boot, sequence: outbox.lastSequence + 1, previous: outbox.previous };
      splits.start();
      const sealed = await sealBatch(rows.bodies, place, tools);
      laps.time('outbox transaction', () => outbox.store(sealed, rows, pending));
      return sealed;
    },

    acknowledge(sequence, signed) {
      laps.time('acknowledgement verify and outbox', () => {
        const { outcome, withheld = 0 } = openAcknowledgement(signed, serviceKey, verifyEd25519);
        if (outcome !== 'held') throw new Error(`the service answered ${outcome}: nothing was measured`);
        outbox.apply([{ kind: 'held', sequence, withheld }]);
      });
    },

    forget: (sequence) => outbox.apply([{ kind: 'logged', sequence }]),

    close: () => db.close(),
  };
}

function fail(error: unknown): never {
  throw error;
}
