/** An erasure survives what may happen to a service: the process is killed at each step, and an old backup is put back. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ERASING_STEPS } from '../../ingest-service/erasure/erasing.ts';
import { orderErasure } from '../../ingest-service/operator.ts';
import { PATIENT_TABLES } from '../../ingest-service/record/patient-rows.ts';
import { decodeBase32, encodeBase32 } from '../../protocol/bytes.ts';
import { readErasureCertificate } from '../../protocol/erasure.ts';
import { type ErasureVerdict, verifyErasureCertificate } from '../../protocol/erasure-certificate.ts';
import { MDC } from '../../protocol/vital-signs.ts';
import { type Canary, readFolder, scan } from '../../simulators/audit/canary-scan.ts';
import { readPatientKey } from '../../simulators/keyring.ts';
import { createPatientClient } from '../../simulators/patient-client.ts';
import { consentToCollect, type SimulatedPatient } from '../../simulators/patients.ts';
import { openRawAgent, type RawAgent } from '../support/raw-agent.ts';
import { openTestWorld, type TestWorld } from '../support/test-world.ts';
import { until } from '../support/until.ts';

const STEPS = ERASING_STEPS.filter((step) => step !== 'done');

const base = mkdtempSync(join(tmpdir(), 'veravita-erase-'));
const folders = [base];
let ada: SimulatedPatient;
let ben: SimulatedPatient;
let canaries: Canary[];
let raw: RawAgent;

function copyOf(folder: string): string {
  const copy = mkdtempSync(join(tmpdir(), 'veravita-erase-'));
  folders.push(copy);
  cpSync(folder, copy, { recursive: true });
  return copy;
}

const found = (directory: string) =>
  scan(
    readFolder(directory, (path) => path.startsWith('keys')),
    canaries,
  );

/** What of her lies in the record's file, read from the file itself. */
function rowsOf(patient: SimulatedPatient): Canary[] {
  const record = new DatabaseSync(join(base, 'service', 'record.sqlite'), { readOnly: true });
  const blobs = (sql: string) =>
    record
      .prepare(sql)
      .all(patient.id)
      .map((row) => Object.values(row)[0] as Uint8Array);
  const rows = [
    ...blobs('SELECT key FROM patients WHERE id = ?'),
    ...blobs('SELECT profile FROM patients WHERE id = ?'),
    ...blobs('SELECT key FROM segments WHERE patient = ?'),
    ...blobs('SELECT sealed FROM segments WHERE patient = ?'),
    ...blobs('SELECT sealed FROM consents WHERE patient = ?'),
  ];
  record.close();
  return [patient.subject, ...rows].map((bytes, i) => ({ what: `${i}`, bytes: Buffer.from(bytes.slice(0, 28)) }));
}

async function certified(world: TestWorld): Promise<{ verdict: ErasureVerdict; id: string }> {
  const { erasures } = world.service.store;
  await until('the erasure is certified', () => erasures.all().some(({ number }) => number > 0), 30_000);
  const [kept] = erasures.all();
  const id = encodeBase32(kept!.id);
  let text: string | undefined;
  await until('its certificate is in the log', async () => {
    const answer = await fetch(`${world.service.url}/api/erasures/${id}`);
    text = answer.ok ? await answer.text() : undefined;
    return text !== undefined;
  });
  return { verdict: verifyErasureCertificate(text!, { log: world.log.key, service: world.service.publicKey }), id };
}

const countOf = (world: TestWorld, patient: SimulatedPatient) =>
  [...world.service.store.segments.readings(world.recordOf(patient), MDC.heartRate, { sort: 'asc' })].length;

beforeAll(async () => {
  const world = await openTestWorld(base);
  [ada, ben] = [world.patient('Ada (HTEST)'), world.patient('Ben (HTEST)')];
  for (const patient of [ada, ben]) await consentToCollect(patient);
  raw = await openRawAgent(world, ada, 'c0:00:00:00:00:0a');
  await raw.sendGood();
  await raw.client.endAsync();
  const benHome = await world.strapHome('ben', [ben]);
  for (let i = 0; i < 5; i++) await benHome.beat(60 + i);
  await benHome.settle();
  await world.stop();
  canaries = rowsOf(ada);
  expect(found(base).length).toBeGreaterThanOrEqual(canaries.length);
}, 60_000);

afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('an erasure that is cut off', () => {
  it.each(STEPS)('after "%s" is completed by the next start', async (step) => {
    const directory = copyOf(base);
    const script = join(import.meta.dirname, '..', 'support', 'erase-until-killed.ts');
    const child = spawn(process.execPath, [script, directory, ada.keyFile, step], { stdio: 'ignore' });
    const [, signal] = await once(child, 'exit');
    expect(signal).toBe('SIGKILL');
    const world = await openTestWorld(directory);
    try {
      expect(world.service.store.patients.byId(ada.id)).toBeUndefined(); // from the first moment
      const { verdict } = await certified(world);
      expect(verdict.steps.filter(({ result }) => result !== 'holds')).toEqual([]);
      expect(verdict.certificate!.statements.every((statement) => statement.found === 0)).toBe(true);
      expect(verdict.certificate!.leaves).toBe(3);
      await until(
        'nothing is left to do',
        () => !readdirSync(join(directory, 'service')).some((name) => /work/.test(name)),
      );
      expect(found(directory)).toEqual([]);
      expect(countOf(world, ben)).toBe(5);
    } finally {
      await world.stop();
    }
    expect(found(directory)).toEqual([]);
  });
});

describe('an erasure that fails', () => {
  it('is done by the clock, for what was ordered is never lost', async () => {
    let failures = 0;
    const world = await openTestWorld(copyOf(base), {
      onErasingStep: (step) => {
        if ((step === 'noted' || step === 'verified') && failures++ < 3) throw new Error('the disk is full');
      },
    });
    try {
      const { url } = world.service;
      const client = createPatientClient(url, readPatientKey(ada.keyFile), Date.now);
      await expect(client.erase()).rejects.toMatchObject({ code: 'inconsistent' });
      const { verdict } = await certified(world);
      expect([verdict.verdict, failures > 2]).toEqual(['pending', true]);
      expect(world.service.counters.snapshot()['erasures.failed']).toBeGreaterThan(0);
    } finally {
      await world.stop();
    }
  });
});

describe('the tables of the record', () => {
  it('are all named that hold something of a patient', () => {
    const record = new DatabaseSync(join(base, 'service', 'record.sqlite'), { readOnly: true });
    const tables = record.prepare("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all();
    record.close();
    const personal = tables.filter(({ sql }) => /^\s*patient\b/m.test(sql as string)).map(({ name }) => name as string);
    expect(personal.length).toBeGreaterThan(10);
    expect([...personal, 'patients'].sort()).toEqual(Object.keys(PATIENT_TABLES).sort());
  });
});

describe('an old record that is put back', () => {
  it('does not bring back who was erased since, and says so in a new certificate', async () => {
    const directory = copyOf(base);
    let world = await openTestWorld(directory);
    await ada.client.consent().catch(() => undefined);
    const id = orderErasure({ data: directory, patient: ada.id }, Date.now);
    const ordered = await certified(world);
    expect(ordered.id).toBe(id);
    expect([ordered.verdict.certificate!.basis, ordered.verdict.certificate!.request]).toEqual(['order', undefined]);
    await world.stop();

    for (const name of readdirSync(join(directory, 'service'))) {
      if (name.startsWith('record.sqlite')) rmSync(join(directory, 'service', name));
    }
    cpSync(join(base, 'service', 'record.sqlite'), join(directory, 'service', 'record.sqlite'));
    expect(found(directory).length).toBeGreaterThan(0);
    world = await openTestWorld(directory);
    try {
      expect(world.service.store.patients.byId(ada.id)).toBeUndefined();
      const again = await certified(world);
      expect(again.id).toBe(id);
      expect(again.verdict.certificate!.erasedAt).toBeGreaterThan(ordered.verdict.certificate!.erasedAt);
      expect(countOf(world, ben)).toBe(5);
    } finally {
      await world.stop();
    }
    expect(found(directory)).toEqual([]);
    expect(existsSync(join(directory, 'service', 'erasures.list'))).toBe(true);
  });
});

describe('a gateway that has heard nothing of it', () => {
  it('goes on with its chain, and nothing of what it brings is kept', async () => {
    const directory = copyOf(base);
    const world = await openTestWorld(directory);
    try {
      const eve = world.patient('Eve (HTEST)');
      await consentToCollect(eve);
      const gateway = await openRawAgent(world, eve, 'c0:00:00:00:00:0e');
      await gateway.sendGood();
      await eve.client.erase();
      const { answer } = await gateway.sendGood();
      expect([answer.outcome, answer.withheld]).toEqual(['held', 3]);
      await world.settle();
      const { verdict, id } = await certified(world);
      expect(verdict.verdict).toBe('pending'); // it never confirmed
      const { certificate } = world.service.store.erasures.get(decodeBase32(id))!;
      expect(readErasureCertificate(certificate!).certificate.agents).toHaveLength(1);
      expect(world.service.store.segments.ownerOf(encodeBase32(answer.batch!), 0)).toBeUndefined();
      // A gateway that never served her is told nothing of her having been here.
      const other = await openRawAgent(world, world.patient('Fay (HTEST)'), 'c0:00:00:00:00:0f');
      const stranger = await other.sendGood({ segments: [other.segment(1, eve.subject)] });
      expect([stranger.answer.outcome, stranger.answer.code]).toEqual(['refused', 'wrong-subject']);
      await Promise.all([gateway, other].map(({ client }) => client.endAsync()));
    } finally {
      await world.stop();
    }
  });
});
