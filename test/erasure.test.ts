/**
 * One patient of ten is erased: what could be found of her on the disk before is found nowhere after, the others' receipts
 * hold, and the certificate says what was verified, statement by statement.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ErasureVerdict } from '../protocol/erasure-certificate.ts';
import { verifyErasureCertificate } from '../protocol/erasure-certificate.ts';
import { encodeId } from '../protocol/keys.ts';
import { signRequest } from '../protocol/signed-request.ts';
import { decodeTrust, encodeTrust, type Trust } from '../protocol/trust.ts';
import { verifyReceipt } from '../protocol/verify.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { type Canary, readFolder, scan } from '../simulators/audit/canary-scan.ts';
import { readPatientKey } from '../simulators/keyring.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { type RawStream, rawRequest } from './support/raw-http.ts';
import {
  CHIROPRACTOR,
  discloseTo,
  EYE_DOCTOR,
  openTestWorld,
  practitioner,
  type StrapHome,
  type TestWorld,
} from './support/test-world.ts';
import { until } from './support/until.ts';

let world: TestWorld;
let patients: SimulatedPatient[];
let ada: SimulatedPatient;
let home: StrapHome;
let away: StrapHome;
let canaries: Canary[];
let before: string[];
let after: string[];
let erasure: string;
let trust: Trust;
let adaReceipt: string;
let adaReading: string;
const receipts: string[] = [];
let first: ErasureVerdict;
let second: ErasureVerdict;
let feed: RawStream;

const octets = (what: string, bytes: Uint8Array, length = 24): Canary => ({
  what,
  bytes: Buffer.from(bytes.slice(0, length)),
});

/** Everything but what the patients themselves keep: their key files. */
const haystack = () => readFolder(world.directory, (path) => path.startsWith('keys/patients'));

/** Twenty things by which she is known on the disk, read from the files themselves and not through the service. */
function plantedCanaries(): Canary[] {
  const record = new DatabaseSync(join(world.directory, 'service', 'record.sqlite'), { readOnly: true });
  const agent = new DatabaseSync(join(world.directory, 'agents', 'away', 'agent.sqlite'), { readOnly: true });
  const all = (sql: string) => record.prepare(sql).all(ada.id) as Record<string, Uint8Array>[];
  try {
    const [person] = all('SELECT public_key, key, profile FROM patients WHERE id = ?');
    const segments = all('SELECT key, sealed FROM segments WHERE patient = ? ORDER BY rowid');
    const [filed] = all('SELECT substr(key, 5) AS key FROM filed_keys WHERE patient = ?');
    const consents = all('SELECT sealed FROM consents WHERE patient = ?');
    const [disclosure] = all('SELECT sealed, id FROM disclosures WHERE patient = ?');
    const [device] = all('SELECT handle FROM devices WHERE patient = ?');
    const pending = agent.prepare('SELECT body FROM pending').all() as { body: Uint8Array }[];
    const text = (what: string, content: string) => ({ what, bytes: Buffer.from(content) });
    return [
      octets('subject', ada.subject, 32),
      text('subject in the enrolments of agents', encodeId(ada.subject)),
      octets('first key', person!.public_key!),
      text('record-local id', ada.id),
      octets('wrapped key of the patient', person!.key!),
      octets('profile', person!.profile!),
      ...segments.slice(0, 3).map(({ key }, i) => octets(`wrapped key of segment ${i}`, key!)),
      ...segments.slice(0, 3).map(({ sealed }, i) => octets(`segment ${i}`, sealed!)),
      octets('key of a filed reading', filed!.key!, 16),
      ...consents.slice(0, 2).map(({ sealed }, i) => octets(`consent event ${i}`, sealed!)),
      octets('disclosure', disclosure!.sealed!),
      octets('id of a disclosure', disclosure!.id!),
      octets('device', device!.handle!, 16),
      ...pending.slice(0, 2).map(({ body }, i) => octets(`pending at a gateway ${i}`, body)),
    ];
  } finally {
    record.close();
    agent.close();
  }
}

async function receiptOf(patient: SimulatedPatient): Promise<{ id: string; text: string }> {
  const own = await world.signIn({ role: 'patient', patient: patient.id });
  const overview = JSON.parse((await own.get('/api/patient/overview')).body) as {
    latest: { id: string; vital: string }[];
  };
  const { id } = overview.latest.find(({ vital }) => vital === 'heart-rate')!;
  return { id, text: (await own.get(`/api/patient/receipts/${id}`)).body };
}

async function certificate(): Promise<ErasureVerdict> {
  let text: string | undefined;
  await until('the certificate is in the log', async () => {
    text = await ada.client.certificate(erasure).catch(() => undefined);
    return text !== undefined;
  });
  return verifyErasureCertificate(text!, trust);
}

beforeAll(async () => {
  world = await openTestWorld();
  patients = Array.from({ length: 10 }, (_, i) => world.patient(`Patient ${'abcdefghij'[i]} (HTEST)`));
  ada = patients[3]!;
  for (const patient of patients) await consentToCollect(patient);
  await ada.client.grant(discloseTo(EYE_DOCTOR));
  home = await world.strapHome('home', patients);
  for (let round = 0; round < 3; round++) {
    for (const i of patients.keys()) await home.beat(60 + 10 * round + i, i);
    await home.settle();
  }
  trust = decodeTrust(encodeTrust({ log: world.log.key, service: world.service.publicKey }));
  for (const patient of patients) {
    const { id, text } = await receiptOf(patient);
    receipts.push(text);
    if (patient === ada) [adaReading, adaReceipt] = [id, text];
  }
  // Another gateway of hers has heard something and is switched off before it could hand it over.
  away = await world.strapHome('away', [ada], { maxLeaves: 500, maxAgeMs: 600_000 });
  await away.beat(99);
  await until('it is pending', () => away.agent.status().heard > 0);
  await away.agent.stop();
  const doctor = await world.signIn(practitioner(EYE_DOCTOR));
  await doctor.get(`/fhir/R4/Observation?patient=${ada.id}`);
  const own = await world.signIn({ role: 'patient', patient: ada.id });
  feed = own.stream('/api/feed');
  await until('her feed is open', () => feed.text.includes(': open'));
  canaries = plantedCanaries();
  before = scan(haystack(), canaries);

  erasure = await ada.client.erase();
  first = await certificate();
}, 60_000);

afterAll(() => world.close());

describe('erasing one patient of ten', () => {
  it('begins with twenty things that a scan finds', () => {
    expect(canaries).toHaveLength(20);
    expect(canaries.every(({ bytes }) => bytes.length >= 16)).toBe(true);
    const missed = canaries.filter(({ what }) => !before.some((hit) => hit.startsWith(`${what} in`)));
    expect(missed.map(({ what }) => what)).toEqual([]);
  });

  it('is certified with a gateway pending, which no statement hides', () => {
    expect(first.steps.filter(({ result }) => result !== 'holds')).toEqual([]);
    expect(first.verdict).toBe('pending');
    expect(first.certificate!.agents.filter(({ confirmedAt }) => confirmedAt === undefined)).toHaveLength(1);
    expect(scan(haystack(), canaries).every((hit) => / in (agents\/away|keys\/agents\/away)\//.test(hit))).toBe(true);
  });

  it('says of each store what was looked through and found', () => {
    const { statements, leaves, segments, basis, request } = first.certificate!;
    expect(statements.map(({ store, unit }) => `${store} ${unit}`)).toEqual([
      'record rows',
      'commitments octets',
      'inbox octets',
      'log octets',
      'other-files octets',
      'positions octets',
      'record octets',
    ]);
    for (const { store, scanned, sought, found, unit } of statements) {
      expect(found, store).toBe(0);
      expect(scanned, store).toBeGreaterThan(0);
      if (unit === 'octets') expect(sought, store).toBeGreaterThan(20);
    }
    expect(leaves).toBeGreaterThanOrEqual(3);
    expect(segments).toBeGreaterThanOrEqual(3);
    expect([basis, request?.length]).toEqual(['patient', 32]);
  });

  it('ends sessions and feeds, and answers everybody as if she had never been there', async () => {
    await until('her feed ends', () => feed.text.endsWith('\r\n0\r\n\r\n'));
    const nobody = await world.signIn(practitioner(CHIROPRACTOR));
    const doctor = await world.signIn(practitioner(EYE_DOCTOR));
    const there = await nobody.get(`/fhir/R4/Observation/${adaReading}`);
    const never = await nobody.get(`/fhir/R4/Observation/${adaReading.replace(/\.\d+$/, '.9999')}`);
    expect([there.status, there.body]).toEqual([404, never.body]);
    expect((await doctor.get(`/fhir/R4/Observation/${adaReading}`)).body).toBe(never.body);
    expect(JSON.parse((await doctor.get(`/fhir/R4/Observation?patient=${ada.id}`)).body).entry).toBeUndefined();
    await expect(ada.client.consent()).rejects.toMatchObject({ code: 'not-permitted' });
    expect(() => world.patient('Patient d (HTEST)')).toThrow(/erased/);
  });

  it('tells her, who signs with her key, that the reading is erased', async () => {
    const path = `/fhir/R4/Observation/${adaReading}`;
    const ask = (key: string, nonce: number) =>
      rawRequest(world.service.url, {
        path,
        headers: {
          authorization: signRequest(
            { method: 'GET', path },
            Date.now(),
            new Uint8Array(16).fill(nonce),
            readPatientKey(key),
          ),
        },
      });
    const gone = await ask(ada.keyFile, 1);
    expect([gone.status, JSON.parse(gone.body).issue[0].code]).toEqual([410, 'deleted']);
    expect((await ask(patients[4]!.keyFile, 2)).status).toBe(404);
    const hers = ['--data', world.directory, '--key', ada.keyFile];
    for (const [command, ...more] of [['receipt-main.ts', '--reading', adaReading], ['coverage-main.ts']]) {
      const program = join(import.meta.dirname, '../ingest-service', command!);
      const asked = spawnSync(process.execPath, [program, ...hers, ...more], { encoding: 'utf8' });
      expect([asked.status, asked.stderr]).toEqual([2, expect.stringContaining('erased')]);
    }
    const status = await rawRequest(world.service.url, {
      path: '/api/receipts/status',
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ receipt: adaReceipt }),
    });
    expect(JSON.parse(status.body)).toEqual({ state: 'erased' });
    const batch = adaReading.split('.')[0]!;
    expect(world.service.store.tombstones.of(batch).length).toBeGreaterThan(0);
  });

  it('leaves every receipt genuine, also hers, which is in her hands', async () => {
    expect(receipts.map((text) => verifyReceipt(text, trust).verdict)).toEqual(receipts.map(() => 'genuine'));
    expect(verifyReceipt(adaReceipt, trust).verdict).toBe('genuine');
    for (const patient of patients.filter((one) => one !== ada)) {
      const { text } = await receiptOf(patient);
      expect(verifyReceipt(text, trust).verdict).toBe('genuine');
    }
  });

  it('keeps the chain of a gateway that still brings something of hers, and keeps nothing of it', async () => {
    const withheld = () => world.service.counters.snapshot()['leaves.withheld'] ?? 0;
    const was = withheld();
    away = await world.strapHome('away', [ada]).catch(() => away);
    await until('the gateway confirms', () => (world.service.counters.snapshot()['erasures.confirmed'] ?? 0) === 2);
    second = await certificate();
    await until('the certificate is the newer one', async () => {
      second = await certificate();
      return second.verdict === 'genuine';
    });
    expect(withheld()).toBeGreaterThan(was);
    expect(second.certificate!.number).toBeGreaterThan(first.certificate!.number);
    expect(second.certificate!.agents.every(({ confirmedAt }) => confirmedAt !== undefined)).toBe(true);
    await home.beat(77, 4);
    await home.settle();
    const readings = [
      ...world.service.store.segments.readings(world.recordOf(patients[4]!), MDC.heartRate, { sort: 'desc' }),
    ];
    expect(readings).toHaveLength(4);
  });

  it('leaves none of the twenty anywhere, while all runs and after all has stopped', async () => {
    expect(scan(haystack(), canaries)).toEqual([]);
    await world.stop();
    after = scan(haystack(), canaries);
    expect(after).toEqual([]);
    const text = readFileSync(join(world.directory, 'service', 'erasures.list'), 'utf8');
    expect(text.split('\n')).toHaveLength(2);
  });
});
