/** A gateway corrects a great many readings at once: they are looked up together, and the newest value is made once. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCorrecting } from '../../ingest-service/correcting.ts';
import { fileBatch } from '../../ingest-service/file-batch.ts';
import { openRecordSqlite, type RecordStore } from '../../ingest-service/record/record-sqlite.ts';
import { batchRoot, leafHash, leafSalt, NO_BATCH, type Segment, signHeader } from '../../protocol/batch.ts';
import { concatBytes } from '../../protocol/bytes.ts';
import { nextLink } from '../../protocol/consent-chain.ts';
import { signConsentEvent } from '../../protocol/consent-event.ts';
import type { CorrectionLeaf } from '../../protocol/correction-leaf.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { deviceHandle, encodeId, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { HEARD_AT, PARTIES, PATIENT, readingLeaves, SUBJECT } from '../support/receipt-builder.ts';

const COUNT = 200;
const DEVICES = ['C0:FF:EE:00:00:01', 'C0:FF:EE:00:00:02'].map((address) => deviceHandle(SUBJECT, 'random', address));

let folder: string;
let store: RecordStore;
let sequence = 0;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'veravita-correcting-'));
  const path = join(folder, 'record.sqlite');
  store = openRecordSqlite({ path, keyEncryptionKey: new Uint8Array(32), verify: verifyEd25519 });
  const patient = store.patients.admit(PATIENT.publicKey, { name: 'Ada (HTEST)', test: true });
  const terms = { action: 'collect', classes: ['*'], period: { from: 0 } } as const;
  const common = { ...nextLink(store.consents.state(patient)), at: HEARD_AT, key: SUBJECT };
  const event = { ...common, type: 'grant', grant: new Uint8Array(16).fill(1), terms } as const;
  store.transaction(() => store.consents.append(patient, signConsentEvent(event, PATIENT)));
});

afterEach(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

/** Files one batch of the agent, as the pipeline does, and gives its id. */
function file(bodies: readonly Uint8Array[], through: RecordStore): Uint8Array {
  const key = new Uint8Array(randomBytes(32));
  const segment: Segment = { key, start: 0, bodies };
  const header = {
    agent: thumbprint(PARTIES.agent.publicKey),
    boot: new Uint8Array(16),
    sequence: ++sequence,
    previous: NO_BATCH,
    openedAt: HEARD_AT,
    closedAt: HEARD_AT,
    leafCount: bodies.length,
    root: batchRoot([segment]),
  };
  const { signed, id } = signHeader(header, PARTIES.agent);
  const leaves = bodies.map((body, index) => ({ index, salt: leafSalt(key, index), body }));
  const held = {
    signedHeader: signed,
    receivedAt: HEARD_AT,
    leafHashes: concatBytes(...leaves.map(({ salt, body }) => leafHash(salt, body))),
    withheld: 0,
    withheldReadings: [],
    segments: [{ saltKey: key, leaves }],
  };
  const correcting = createCorrecting({
    store: through,
    signer: PARTIES.service,
    verify: verifyEd25519,
    clock: () => HEARD_AT,
  });
  const filing = fileBatch(through, held, HEARD_AT, correcting);
  if (!filing || filing === 'revoked') throw new Error('not filed');
  expect(filing.withheld).toBe(0);
  return id;
}

/** Heart rates a second apart, of two devices in turn. */
function readings(): ReadingLeaf[] {
  return Array.from({ length: COUNT }, (_, i): ReadingLeaf => {
    const [leaf] = readingLeaves({ characteristic: 0x2a37, hex: '0640', heardAt: HEARD_AT + 1000 * i });
    return { ...leaf!, device: DEVICES[i % 2]! };
  });
}

function correctionOf({ subject, device, test }: ReadingLeaf, batch: Uint8Array, index: number): CorrectionLeaf {
  const common = { kind: 'correction', reason: 'device-fault', correctedAt: HEARD_AT } as const;
  const where = { subject, device, test, batch, index };
  // The last ten of both devices should never have been there.
  if (index >= COUNT - 20) return { ...common, ...where, act: 'withdraw' };
  return { ...common, ...where, act: 'amend', value: { exponent: 0, mantissa: 70 + (index % 2) } };
}

it('opens what is corrected once, and looks once for the newest of each kind of reading', () => {
  const all = readings();
  const corrected = file(all.map(encodeLeaf), store);
  const asked = { searches: 0, openings: 0 };
  const { segments } = store;
  const watched: RecordStore = {
    ...store,
    segments: {
      ...segments,
      readings(...args) {
        asked.searches++;
        return segments.readings(...args);
      },
      leaf(...args) {
        asked.openings++;
        return segments.leaf(...args);
      },
      leaves(...args) {
        asked.openings++;
        return segments.leaves(...args);
      },
    },
  };
  file(
    all.map((leaf, index) => encodeLeaf(correctionOf(leaf, corrected, index))),
    watched,
  );
  expect(asked).toEqual({ searches: 1, openings: 1 });
  const patient = store.patients.all()[0]!;
  expect(store.corrections.of(patient).size).toBe(COUNT);
  const newest = store.latest.readings(patient.id).map(({ device, reading }) => [encodeId(device), reading]);
  const idOf = (index: number) => `${encodeId(corrected)}.${index}`;
  expect(new Map(newest as [string, string][])).toEqual(
    new Map([
      [encodeId(DEVICES[0]!), idOf(COUNT - 22)],
      [encodeId(DEVICES[1]!), idOf(COUNT - 21)],
    ]),
  );
});

it('files a correction of what the disk altered as the word of the agent', () => {
  const [leaf] = readings();
  const corrected = file([encodeLeaf(leaf!)], store);
  const db = new DatabaseSync(join(folder, 'record.sqlite'));
  db.exec('UPDATE segments SET sealed = zeroblob(length(sealed))');
  db.close();
  file([encodeLeaf(correctionOf(leaf!, corrected, 0))], store);
  expect(store.corrections.of(store.patients.all()[0]!).size).toBe(0);
});
