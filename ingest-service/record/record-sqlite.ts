/**
 * The record on SQLite: WAL with `synchronous=FULL`, so that what a transaction wrote is on disk when it returns. All
 * parts share one connection; `transaction` is what makes the consent decision and the filing one act.
 */
import type { DatabaseSync } from 'node:sqlite';
import { databaseFault, openDatabase } from '../../journal/sqlite.ts';
import type { Verify } from '../../protocol/cose.ts';
import { type Agents, createAgents } from './agents.ts';
import { type Batches, createBatches } from './batches.ts';
import { type Commitments, createCommitments } from './commitments.ts';
import { type Consents, createConsents } from './consents.ts';
import { type Corrections, createCorrections } from './corrections.ts';
import { createDisclosures, type Disclosures } from './disclosures.ts';
import { createErasures, type Erasures } from './erasures.ts';
import { createFiledKeys, type FiledKeys } from './filed-keys.ts';
import { createKeyEvents, type KeyEvents } from './key-events.ts';
import { createLatest, type Latest } from './latest.ts';
import { createPatientRows, type PatientRows } from './patient-rows.ts';
import { createPatients, type Patients } from './patients.ts';
import { createQuarantine, type Quarantine } from './quarantine.ts';
import { createRequestNonces, type RequestNonces } from './request-nonces.ts';
import { addRowSum, keepRowSums } from './row-sums.ts';
import { SCHEMA } from './schema.ts';
import { createSegments, type Segments } from './segments.ts';
import { createSuspects, type Suspects } from './suspects.ts';
import { createTombstones, type Tombstones } from './tombstones.ts';
import { createUnreadable, type Unreadable } from './unreadable.ts';

export interface RecordStore {
  readonly patients: Patients;
  readonly agents: Agents;
  readonly batches: Batches;
  readonly segments: Segments;
  readonly filedKeys: FiledKeys;
  readonly latest: Latest;
  readonly consents: Consents;
  readonly disclosures: Disclosures;
  readonly commitments: Commitments;
  readonly keyEvents: KeyEvents;
  readonly quarantine: Quarantine;
  readonly suspects: Suspects;
  readonly corrections: Corrections;
  readonly tombstones: Tombstones;
  readonly erasures: Erasures;
  readonly patientRows: PatientRows;
  readonly requestNonces: RequestNonces;
  readonly unreadable: Unreadable;
  /** Runs `act` in one transaction that is durable when this returns; an exception undoes it; `unavailable` when the disk refuses. Does not nest. */
  transaction<T>(act: () => T): T;
  /** Empties the write-ahead log into the file; `whole` also writes the file anew, without what was freed. */
  compact(whole: boolean): void;
  close(): void;
}

export interface RecordConfig {
  readonly path: string;
  readonly keyEncryptionKey: Uint8Array;
  readonly verify: Verify;
}

export function openRecordSqlite({ path, keyEncryptionKey, verify }: RecordConfig): RecordStore {
  const db: DatabaseSync = openDatabase(path);
  createRecordTables(db);
  const commitments = createCommitments(db);
  const batches = createBatches(db);
  const erasures = createErasures(db);
  const tombstones = createTombstones(db, keyEncryptionKey);
  return {
    patients: createPatients(db, keyEncryptionKey, erasures),
    agents: createAgents(db, keyEncryptionKey),
    batches,
    segments: createSegments(db, (batch) => batches.leafHashes(batch)),
    filedKeys: createFiledKeys(db),
    latest: createLatest(db),
    consents: createConsents(db, commitments, verify),
    disclosures: createDisclosures(db, commitments),
    commitments,
    keyEvents: createKeyEvents(db, commitments),
    quarantine: createQuarantine(db),
    suspects: createSuspects(db),
    corrections: createCorrections(db, commitments),
    tombstones,
    erasures,
    patientRows: createPatientRows(db, keyEncryptionKey, tombstones),
    requestNonces: createRequestNonces(db),
    unreadable: createUnreadable(db),
    transaction(act) {
      try {
        // IMMEDIATE: another process may write (receipts of a running service), and a deferred lock could be lost half-way.
        db.exec('BEGIN IMMEDIATE');
        const result = act();
        db.exec('COMMIT');
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        // A busy or full disk is a clean refusal that may be tried again; what SQLite says of it may quote values.
        throw isDatabaseError(error) ? databaseFault(error) : error;
      }
    },
    compact(whole) {
      try {
        if (whole) db.exec('VACUUM');
        db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
      } catch (error) {
        throw databaseFault(error);
      }
    },
    close: () => db.close(),
  };
}

/** Makes the tables that are not there. */
export function createRecordTables(db: DatabaseSync): void {
  addRowSum(db);
  db.exec(SCHEMA);
  keepRowSums(db);
}

function isDatabaseError(error: unknown): boolean {
  return typeof (error as { errcode?: unknown }).errcode === 'number';
}
