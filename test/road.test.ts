/**
 * One heart beat, from the radio to a receipt that a stranger checks. The road is put together here by hand from the same
 * parts as in simulators/world.ts, so that it can be stopped at each step and looked at: what must be there is there, and
 * what comes later is not there yet. docs/life-of-a-reading.md tells the same in words.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, expect, it } from 'vitest';
import { startAgent } from '../edge-agent/agent.ts';
import { openKeys } from '../edge-agent/keys.ts';
import { openSecretFiles } from '../edge-agent/secret-files.ts';
import { createRowCipher } from '../edge-agent/storage-cipher.ts';
import { openHeldBatch } from '../ingest-service/inbox.ts';
import { openServiceKeys } from '../ingest-service/keys.ts';
import { openLogReader } from '../ingest-service/log-reader.ts';
import { startIngestService } from '../ingest-service/service.ts';
import type { Journal } from '../journal/journal.ts';
import { openJournalSqlite } from '../journal/journal-sqlite.ts';
import { openKeyedLog } from '../ledger-writer/keyed-log.ts';
import { startLedgerWriter } from '../ledger-writer/writer.ts';
import { openAcknowledgement } from '../protocol/acknowledgement.ts';
import { openHeader } from '../protocol/batch.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { commitmentOf } from '../protocol/commitment.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { encodeHeartRateMeasurement } from '../protocol/gatt/heart-rate.ts';
import { encodeId } from '../protocol/keys.ts';
import { decodeLeaf, type ReadingLeaf } from '../protocol/leaf.ts';
import { acknowledgementsTopic, batchesTopic, reportsTopic } from '../protocol/topics.ts';
import { STEPS, verifyReceipt } from '../protocol/verify.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { createHeartStrap } from '../simulators/devices/heart-strap.ts';
import { createSimClock } from '../simulators/hci/sim-clock.ts';
import { VirtualController } from '../simulators/hci/virtual-controller.ts';
import { openVirtualTransport } from '../simulators/hci/virtual-transport.ts';
import { openPatientKey } from '../simulators/keyring.ts';
import { createPatientClient } from '../simulators/patient-client.ts';
import { rawRequest } from './support/raw-http.ts';
import { openTcpTap, publishesIn } from './support/tcp-tap.ts';
import { turns, until } from './support/until.ts';

const BEAT_AT = Date.UTC(2026, 2, 1, 8, 15, 30);
const HEART_RATE = 71;
const EYE_DOCTOR = { role: 'practitioner', id: 'eye-doctor', purpose: 'TREAT' } as const;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act();
});

/** The journal on a disk that is slow: what is appended waits for `disk`; `note` is called before anybody hears of it. */
function onSlowDisk(journal: Journal, disk: () => Promise<void>, note: () => void): Journal {
  return {
    async append(entries) {
      await disk();
      const positions = await journal.append(entries);
      note();
      return positions;
    },
    read: (from, limit) => journal.read(from, limit),
    end: () => journal.end(),
    follow: (name, handle, options) => journal.follow(name, handle, options),
    trim: (before) => journal.trim(before),
    close: () => journal.close(),
  };
}

it('carries one notification to a receipt that a stranger verifies, step by step', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-road-'));
  cleanUp.push(() => rmSync(directory, { recursive: true, force: true }));
  const at = (...parts: string[]) => join(directory, ...parts);
  mkdirSync(at('service'), { recursive: true });

  // The service, the log, and no ledger writer yet.
  const journal = (name: string) => {
    const opened = openJournalSqlite({ path: at('service', `${name}.sqlite`) });
    cleanUp.push(() => opened.close());
    return opened;
  };
  const inbox = journal('inbox');
  const commitments = journal('commitments');
  const positions = journal('positions');
  const log = await openKeyedLog({
    directory: at('log'),
    keyDirectory: at('keys', 'log'),
    origin: 'road.test/log',
    newSeed: () => new Uint8Array(randomBytes(32)),
  });
  cleanUp.push(() => log.close());
  const disk = Promise.withResolvers<void>();
  let writes = 0;
  const writeSlowly = () => {
    writes++;
    return disk.promise;
  };
  /** What was there at the moment at which a batch became durable in the inbox. */
  const atInbox: { held: number; filed: number }[] = [];
  const service = await startIngestService({
    directory: at('service'),
    keysDirectory: at('keys', 'service'),
    inbox: onSlowDisk(inbox, writeSlowly, () =>
      atInbox.push({ held: agent.status().held, filed: service.store.batches.count() }),
    ),
    commitments,
    positions,
    readLog: openLogReader(at('log')),
    logKey: log.key,
    clock: Date.now,
    monotonic: () => performance.now(),
    httpPort: 0,
    mqttPort: 0,
  });
  cleanUp.push(() => service.stop());
  const { store } = service;

  // A patient who lets readings be collected, and lets the eye doctor see them.
  const key = openPatientKey(at('keys', 'patients', 'ada.json'));
  const patient = store.patients.admit(key.publicKey, { name: 'Ada (HTEST)', test: true });
  store.patients.admitStaff(EYE_DOCTOR.id, { name: 'Eye Doctor (HTEST)', test: true });
  const ada = createPatientClient(service.url, key, Date.now);
  await ada.grant({ action: 'collect', classes: ['heart-rate'], period: { from: 0 } });
  const { id: grantee, purpose } = EYE_DOCTOR;
  await ada.grant({
    action: 'disclose',
    grantee,
    purposes: [purpose],
    classes: ['heart-rate'],
    period: { from: 0 },
  });

  // A strap on the air, and the agent beside the patient. Its wire to the broker is held for now.
  const clock = createSimClock(BEAT_AT - 10_000);
  const controller = new VirtualController({ clock, advertisingIntervalMs: 10 });
  const strap = controller.add(
    createHeartStrap({ address: 'c4:00:00:00:00:01', name: 'HTEST strap', serial: 'HTEST-1' }),
  );
  const tap = await openTcpTap(Number(new URL(service.brokerUrl).port));
  cleanUp.push(() => tap.close());
  const assignment = { address: strap.address, addressType: strap.addressType };
  const agent = await startAgent({
    stateDirectory: at('agent'),
    keysDirectory: at('keys', 'agent'),
    serviceUrl: service.url,
    brokerUrl: `mqtt://127.0.0.1:${tap.port}`,
    code: service.createEnrolmentCode([{ patient: patient.id, ...assignment }]),
    transport: openVirtualTransport(controller),
    zoneOf: () => 60,
    test: true,
    batch: { maxLeaves: 500, maxAgeMs: 600_000 },
    heartbeatMs: 600_000,
    publishing: { retryMs: { first: 20, longest: 100 } },
  });
  cleanUp.push(() => agent.stop());
  const agentKeys = openKeys(openSecretFiles(at('keys', 'agent')), false);
  /** What a crash at this moment would leave; the agent keeps its database to itself. */
  const rows = (table: string) => {
    const copy = mkdtempSync(join(directory, 'crash-'));
    // By another process: closing the file here would end the locks that the agent has on it.
    execFileSync('cp', ['-r', `${at('agent')}/.`, copy]);
    const state = new DatabaseSync(join(copy, 'agent.sqlite'));
    try {
      return state.prepare(`SELECT * FROM ${table}`).all();
    } finally {
      state.close();
    }
  };
  const pendingReadings = () =>
    (rows('pending') as { row: number; boot: Uint8Array; body: Uint8Array }[])
      .map(({ row, boot, body }) => decodeLeaf(createRowCipher(agentKeys.storageKey, boot).decrypt(row, body)))
      .filter((leaf): leaf is ReadingLeaf => leaf.kind === 'reading' && leaf.vital === MDC.heartRate);

  // 1. radio: the strap notifies, the unmodified Bluetooth stack hears it.
  await strap.whenHeard();
  // The last that the radio asks for is the battery; a level read later would be left over.
  await until('the level is pending', () => agent.status().heard === 1);
  expect(pendingReadings()).toEqual([]);
  clock.set(BEAT_AT);
  expect(await strap.beat({ heartRate: HEART_RATE })).toBe(true);
  const sent = encodeHeartRateMeasurement({
    heartRate: HEART_RATE,
    rr1024: [],
    contactSupported: true,
    contactDetected: true,
    energyKJ: null,
  });

  // 2. pending: durable and encrypted, with the strap's own bytes; nothing is sealed.
  await until('the reading is pending', () => pendingReadings().length === 1);
  const [pending] = pendingReadings();
  expect(pending).toMatchObject({
    subject: patient.subject,
    raw: sent,
    value: { mantissa: HEART_RATE, exponent: 0 },
    unit: '/min',
    measuredAt: BEAT_AT,
    heardAt: BEAT_AT,
    measuredBy: 'gateway',
    zoneMin: 60,
    test: true,
  });
  expect(agent.status()).toMatchObject({ sealed: 0, connected: false });
  expect(rows('outbox')).toEqual([]);

  // 3. batch: one signed header over all that was pending; the envelope waits in the outbox.
  await agent.flush();
  expect(rows('pending')).toEqual([]);
  const [outgoing, ...more] = rows('outbox') as { batch: Uint8Array; header: Uint8Array; envelope: Uint8Array }[];
  expect(more).toEqual([]);
  const envelope = outgoing!.envelope;
  const { header, id: batchId } = openHeader(outgoing!.header, agentKeys.signer.publicKey, verifyEd25519);
  expect(batchId).toEqual(outgoing!.batch);
  expect(header).toMatchObject({ agent: agentKeys.agent, sequence: 1 });
  expect(Buffer.from(envelope).indexOf(Buffer.from(pending!.subject))).toBe(-1);
  expect(await inbox.end()).toBe(0);
  expect(tap.sent().length).toBe(0);

  // 4. MQTT: exactly that envelope, on the agent's own topic; beside it a sealed hello, on its own too.
  tap.open();
  const published = (topic: string) => publishesIn(tap.sent()).filter((publish) => publish.topic === topic);
  await until('the batch is sent', () => published(batchesTopic(agent.id)).length > 0);
  expect(published(batchesTopic(agent.id))).toEqual([
    { topic: batchesTopic(agent.id), payload: Buffer.from(envelope) },
  ]);
  expect(publishesIn(tap.sent()).length - published(reportsTopic(agent.id)).length).toBe(1);

  // 5. inbox: durable before the agent hears of it and before anything is filed; the signed word for it says held.
  const words = () => publishesIn(tap.received()).filter(({ topic }) => topic === acknowledgementsTopic(agent.id));
  await until('the inbox is asked to keep it', () => writes === 1);
  await turns(200);
  expect(words()).toEqual([]);
  expect(agent.status()).toMatchObject({ sealed: 1, held: 0 });
  disk.resolve();
  await until('the batch is held', () => agent.status().held === 1);
  expect(atInbox).toEqual([{ held: 0, filed: 0 }]);
  const [entry] = await inbox.read(0, 10);
  expect(entry).toMatchObject({ position: 0, key: agent.id, id: encodeId(batchId) });
  const held = openHeldBatch(openServiceKeys(at('keys', 'service'), false).inboxKey, entry!.id, entry!.body);
  expect(held.signedHeader).toEqual(outgoing!.header);
  const [word] = words();
  expect(openAcknowledgement(new Uint8Array(word!.payload), service.publicKey, verifyEd25519)).toMatchObject({
    outcome: 'held',
    batch: batchId,
    sequence: 1,
  });

  // 6. record: filed once, with the bytes as they were signed; not in the log.
  await service.caughtUp();
  const batch = encodeId(batchId);
  const [filed, ...others] = [...store.segments.readings(patient, MDC.heartRate, { sort: 'asc' })];
  expect(others).toEqual([]);
  expect(filed!.leaf).toEqual(pending);
  expect(filed!.batch).toBe(batch);
  expect(store.batches.get(batch)?.signedHeader).toEqual(outgoing!.header);
  const commitment = commitmentOf('batch', batchId);
  expect((await commitments.read(0, 100)).map(({ body }) => body)).toContainEqual(commitment);
  expect(log.head.checkpoint.size).toBe(0);
  expect(store.batches.logIndex(batch)).toBeUndefined();

  // 7. log: the ledger writer takes the commitment, and a signed checkpoint covers it; only now the position comes back.
  const writer = startLedgerWriter({ commitments, positions, log, intervalMs: 60_000 });
  cleanUp.push(() => writer.stop());
  await writer.flush();
  const index = await log.indexOf(commitment);
  const { checkpoint } = openCheckpoint(readFileSync(at('log', 'checkpoint'), 'utf8'), [log.key], log.key.name);
  expect(checkpoint.size).toBeGreaterThan(index!);
  await until('the position is in the record', () => store.batches.logIndex(batch) === index);
  await until('the agent knows', () => agent.status().logged === 1);
  expect(rows('outbox')).toEqual([]);

  // 8. FHIR: the eye doctor reads it, and the patient sees that he did.
  const { bytes } = await rawRequest(service.url, { path: `/sign-in/${service.createLink(EYE_DOCTOR)}` });
  const cookie = /set-cookie: ([^;]+)/i.exec(bytes)![1]!;
  expect(await ada.disclosures()).toEqual([]);
  const answer = await rawRequest(service.url, { path: `/fhir/R4/Observation/${filed!.id}`, cookie });
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body)).toMatchObject({
    resourceType: 'Observation',
    id: filed!.id,
    meta: { security: [{ code: 'HTEST' }] },
    subject: { reference: `Patient/${patient.id}` },
    effectiveDateTime: '2026-03-01T09:15:30+01:00',
    valueQuantity: { value: HEART_RATE, code: '/min' },
  });
  expect(await ada.disclosures()).toMatchObject([{ kind: 'read', who: { id: EYE_DOCTOR.id }, count: 1 }]);

  // 9. receipt: the patient takes it away.
  const path = `/api/patient/receipts/${filed!.id}`;
  const signedIn = await rawRequest(service.url, {
    path: `/sign-in/${service.createLink({ role: 'patient', patient: patient.id })}`,
  });
  const own = /set-cookie: ([^;]+)/i.exec(signedIn.bytes)![1]!;
  const receipt = await rawRequest(service.url, { path, cookie: own });
  expect(receipt.status).toBe(200);
  expect((await ada.disclosures())[0]).toMatchObject({ kind: 'receipt', role: 'patient', count: 1 });

  // 10. verdict: a stranger, who has the receipt and two public keys, and what the strap sent comes back.
  const { verdict, steps, reading } = verifyReceipt(receipt.body, { log: log.key, service: service.publicKey });
  expect(steps.map(({ step, result }) => `${step} ${result}`)).toEqual(STEPS.map((step) => `${step} holds`));
  expect(verdict).toBe('genuine');
  expect(reading).toEqual(pending);
  expect(Buffer.from(reading!.raw).equals(Buffer.from(sent))).toBe(true);
});
