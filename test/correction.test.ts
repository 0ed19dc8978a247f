/**
 * A reading is corrected: what is shown changes and says so, the lineage can be followed back, and an old receipt, which is
 * still what the sensor said, is superseded for who has the supersession beside it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHeader } from '../protocol/batch.ts';
import { decodeBase64Url, encodeBase64Url } from '../protocol/bytes.ts';
import type { CorrectionLeaf } from '../protocol/correction-leaf.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { decodeId } from '../protocol/keys.ts';
import { encodeLeaf } from '../protocol/leaf.ts';
import { decodeReceipt, encodeReceipt } from '../protocol/receipt.ts';
import { decodeSupersession, signSupersession } from '../protocol/supersession.ts';
import { encodeTrust, type Trust } from '../protocol/trust.ts';
import { verifyReceipt } from '../protocol/verify.ts';
import { MDC } from '../protocol/vital-signs.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { newSigner, openRawAgent, type RawAgent } from './support/raw-agent.ts';
import {
  discloseTo,
  EYE_DOCTOR,
  openTestWorld,
  practitioner,
  type Session,
  type TestWorld,
} from './support/test-world.ts';
import { until } from './support/until.ts';

const ROOT = join(import.meta.dirname, '..');
const out = mkdtempSync(join(tmpdir(), 'veravita-correct-'));
let world: TestWorld;
let ada: SimulatedPatient;
let agent: RawAgent;
let doctor: Session;
let own: Session;
let trust: Trust;
let ids: string[];

interface Shown {
  readonly resourceType: string;
  readonly id: string;
  readonly status: string;
  readonly meta: { readonly versionId?: string };
  readonly valueQuantity?: { readonly value: number };
  readonly dataAbsentReason?: { readonly coding: readonly { readonly code: string }[] };
  readonly effectiveDateTime: string;
  readonly extension: readonly {
    readonly url: string;
    readonly valueCode?: string;
    readonly valueReference?: object;
  }[];
}

const json = async <T>(session: Session, path: string): Promise<T> => JSON.parse((await session.get(path)).body) as T;
const observation = (id: string, version = '') => json<Shown>(doctor, `/fhir/R4/Observation/${id}${version}`);
const found = async (): Promise<Shown[]> => {
  const bundle = await json<{ entry?: { resource: Shown }[] }>(
    doctor,
    `/fhir/R4/Observation?patient=${ada.id}&_sort=date`,
  );
  return (bundle.entry ?? []).map(({ resource }) => resource);
};
const latest = async () => {
  const { latest: all } = await json<{ latest: { id: string; value: string; corrected?: { act: string } }[] }>(
    own,
    '/api/patient/overview',
  );
  return all[0]!;
};
const receipt = async (id: string) => (await own.get(`/api/patient/receipts/${id}`)).body;

function correct(id: string, ...what: string[]): void {
  const args = ['--data', world.directory, '--reading', id, '--key', ada.keyFile, ...what];
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'ingest-service/correct-main.ts'), ...args], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([0, '']);
}

function verify(...args: string[]): number | null {
  return spawnSync(process.execPath, [join(ROOT, 'verifier/main.ts'), ...args], { encoding: 'utf8' }).status;
}

beforeAll(async () => {
  world = await openTestWorld();
  ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  await ada.client.grant(discloseTo(EYE_DOCTOR));
  agent = await openRawAgent(world, ada, 'c0:00:00:00:00:0a');
  await agent.sendGood({ segments: [agent.segment(4)] });
  await world.settle();
  doctor = await world.signIn(practitioner(EYE_DOCTOR));
  own = await world.signIn({ role: 'patient', patient: ada.id });
  trust = { log: world.log.key, service: world.service.publicKey };
  writeFileSync(join(out, 'trust.json'), encodeTrust(trust));
  ids = (await found()).map(({ id }) => id);
  expect(ids).toHaveLength(4);
}, 30_000);

afterAll(async () => {
  await agent.client.endAsync();
  await world.close();
  rmSync(out, { recursive: true, force: true });
});

describe('a value that is corrected', () => {
  const supersession = join(out, 'supersession.json');
  let old: string;
  let before: number;

  it('is served in its place, with its status and lineage', async () => {
    const id = ids[3]!;
    old = await receipt(id);
    before = (await observation(id)).valueQuantity!.value;
    const live = doctor.stream('/api/feed');
    await until('the feed is open', () => live.text.includes(': open'));
    await new Promise<void>((resolve, reject) => {
      // Beside the running service, which has to hand the commitment over meanwhile.
      import('node:child_process').then(({ execFile }) => {
        const main = join(ROOT, 'ingest-service/correct-main.ts');
        const what = ['--value', '172.5', '--reason', 'other-method', '--out', supersession];
        const args = [main, '--data', world.directory, '--reading', id, '--key', ada.keyFile, ...what];
        execFile(process.execPath, args, (error) => (error ? reject(error) : resolve()));
      }, reject);
    });
    const now = await observation(id);
    expect([now.status, now.meta.versionId, now.valueQuantity?.value]).toEqual(['corrected', '2', 172.5]);
    expect((await found()).at(-1)).toEqual(now);
    expect(await latest()).toMatchObject({ id, value: '172.5', corrected: { act: 'amend', by: 'patient' } });
    const first = await observation(id, '/_history/1');
    expect([first.status, first.valueQuantity?.value]).toEqual(['final', before]);
    expect(first.extension.find(({ url }) => url.endsWith('superseded-by'))?.valueReference).toEqual({
      reference: `Observation/${id}/_history/2`,
    });
    const history = await json<{ type: string; entry: { resource: Shown }[] }>(
      doctor,
      `/fhir/R4/Observation/${id}/_history`,
    );
    expect([history.type, history.entry.map(({ resource }) => resource.meta.versionId)]).toEqual([
      'history',
      ['2', '1'],
    ]);
    const provenance = await json<{ entity: { role: string; what: object }[]; activity: object }>(
      doctor,
      `/fhir/R4/Provenance/${id}`,
    );
    expect(provenance.entity.map(({ role }) => role)).toEqual(['source', 'revision']);
    expect(provenance.entity[1]!.what).toEqual({ reference: `Observation/${id}/_history/1` });
    expect((await doctor.get(`/fhir/R4/Observation/${id}/_history/3`)).status).toBe(404);
  });

  it('makes an old receipt superseded, with who and why, for who has the supersession', () => {
    expect(verifyReceipt(old, trust).verdict).toBe('genuine');
    const text = readFileSync(supersession, 'utf8');
    const verdict = verifyReceipt(old, trust, verifyEd25519, [text]);
    expect(verdict.verdict).toBe('superseded');
    expect(verdict.correction).toMatchObject({ by: 'patient', correction: { act: 'amend', reason: 'other-method' } });
    expect(verdict.steps.at(-1)!.says).toContain('the patient herself');
    expect(verifyReceipt(old, undefined, verifyEd25519, [text]).verdict).toBe('not-provable');
    writeFileSync(join(out, 'old.json'), old);
    const [file, trusted] = [join(out, 'old.json'), join(out, 'trust.json')];
    expect(verify(file, '--trust', trusted)).toBe(0);
    expect(verify(file, '--trust', trusted, '--corrections', supersession)).toBe(3);
  });

  it('is in every receipt made since', async () => {
    const text = await receipt(ids[3]!);
    expect(verifyReceipt(text, trust).verdict).toBe('superseded');
    expect(decodeReceipt(encodeReceipt(decodeReceipt(text)))).toEqual(decodeReceipt(text));
    const { supersession: _, ...bare } = JSON.parse(text);
    expect(verifyReceipt(JSON.stringify(bare), trust).verdict).toBe('genuine');
  });

  it('cannot be claimed by anybody else, nor for another reading', async () => {
    const logged = decodeSupersession(readFileSync(supersession, 'utf8'));
    const { correction } = verifyReceipt(await receipt(ids[3]!), trust);
    const { salt, by, at, evidence, correction: leaf } = correction!;
    const forge = (change: Partial<CorrectionLeaf>, signer = newSigner()) => {
      const body = encodeLeaf({ ...leaf, ...change });
      const statement = signSupersession({ salt, body, by, at, evidence: evidence! }, signer);
      return JSON.stringify({
        format: 'veravita/supersession@v1',
        statement: encodeBase64Url(statement),
        logProof: logged.logProof,
      });
    };
    expect(verifyReceipt(old, trust, verifyEd25519, [forge({})]).verdict).toBe('altered');
    expect(verifyReceipt(old, trust, verifyEd25519, [forge({ index: leaf.index + 1 })]).verdict).toBe('genuine');
    const other = await receipt(ids[0]!);
    const carried = { ...JSON.parse(other), supersession: JSON.parse(await receipt(ids[3]!)).supersession };
    expect(verifyReceipt(JSON.stringify(carried), trust).verdict).toBe('altered');
    expect(verifyReceipt(other, trust, verifyEd25519, [readFileSync(supersession, 'utf8')]).verdict).toBe('genuine');
  });

  it('is told to who holds a receipt, and to nobody else', async () => {
    const ask = (text: string) =>
      doctor.request({
        method: 'POST',
        path: '/api/receipts/status',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ receipt: text }),
      });
    const told = JSON.parse((await ask(old)).body) as { state: string; supersession: object };
    expect(told.state).toBe('superseded');
    expect(verifyReceipt(old, trust, verifyEd25519, [JSON.stringify(told.supersession)]).verdict).toBe('superseded');
    expect(JSON.parse((await ask(await receipt(ids[0]!))).body)).toEqual({ state: 'current' });
    const guess = JSON.parse(old) as { leaf: { salt: string } };
    guess.leaf.salt = encodeBase64Url(decodeBase64Url(guess.leaf.salt).fill(7));
    const never = JSON.parse(old) as { leaf: { index: number } };
    never.leaf.index = 9;
    expect((await ask(JSON.stringify(guess))).bytes).toBe((await ask(JSON.stringify(never))).bytes);
    expect((await ask(JSON.stringify(guess))).status).toBe(404);
  });
});

describe('a reading that is withdrawn', () => {
  it('shows no number any more, and is nobody’s newest', async () => {
    correct(ids[3]!, '--withdraw', '--reason', 'wrong-patient');
    const now = await observation(ids[3]!);
    expect([now.status, now.meta.versionId, now.valueQuantity]).toEqual(['entered-in-error', '3', undefined]);
    expect(now.dataAbsentReason?.coding[0]?.code).toBe('error');
    expect((await observation(ids[3]!, '/_history/2')).valueQuantity?.value).toBe(172.5);
    expect((await latest()).id).toBe(ids[2]);
  });
});

describe('a correction by a gateway', () => {
  const leafFor = (id: string, change: Partial<CorrectionLeaf> = {}): CorrectionLeaf => {
    const [batch, index] = id.split('.');
    const { leaf } = [
      ...world.service.store.segments.readings(world.recordOf(ada), MDC.heartRate, { sort: 'asc' }),
    ].find((reading) => reading.id === id)!;
    const { subject, device, test } = leaf;
    const common = { kind: 'correction', act: 'amend', reason: 'device-clock', correctedAt: leaf.heardAt } as const;
    const where = { batch: decodeId(batch!), index: Number(index), measuredAt: leaf.measuredAt - 3_600_000 };
    return { ...common, ...{ subject, device, test }, ...where, ...change };
  };
  const send = async (from: RawAgent, leaf: CorrectionLeaf) => {
    const segment = { key: new Uint8Array(32).fill(3), start: 0, bodies: [encodeLeaf(leaf)] };
    const { answer } = await from.sendGood({ segments: [segment] });
    expect(answer.outcome).toBe('held');
    await world.settle();
  };

  it('moves the reading to the time at which it was measured', async () => {
    expect((await latest()).id).toBe(ids[2]);
    await send(agent, leafFor(ids[2]!));
    const all = await found();
    expect(all.map(({ id }) => id)).toEqual([ids[2], ids[0], ids[1], ids[3]]);
    expect([all[0]!.status, all[0]!.meta.versionId]).toEqual(['amended', '2']);
    expect((await latest()).id).toBe(ids[1]);
    const verdict = verifyReceipt(await receipt(ids[2]!), trust);
    expect([verdict.verdict, verdict.correction?.by]).toEqual(['superseded', 'agent']);
    const before = new Date(all[1]!.effectiveDateTime).toISOString();
    const search = `/fhir/R4/Observation?patient=${ada.id}&date=lt${before}`;
    expect(
      (await json<{ entry: { resource: Shown }[] }>(doctor, search)).entry.map(({ resource }) => resource.id),
    ).toEqual([ids[2]]);
  });

  it('changes nothing that another gateway said, nor what it does not fit', async () => {
    const before = await found();
    const other = await openRawAgent(world, ada, 'c0:00:00:00:00:0a');
    await send(other, leafFor(ids[1]!));
    await send(agent, leafFor(ids[1]!, { device: new Uint8Array(16).fill(1) })).catch(() => undefined);
    await send(agent, leafFor(ids[1]!, { measuredAt: undefined, components: [] } as unknown as CorrectionLeaf)).catch(
      () => undefined,
    );
    expect(await found()).toEqual(before);
    await other.client.endAsync();
  });
});

describe('a correction that a practitioner tells', () => {
  const tell = (session: Session, body: object) =>
    session.request({
      method: 'POST',
      path: '/api/clinic/corrections',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('counts where she may see the reading, and reaches open feeds at once', async () => {
    const live = own.stream('/api/feed');
    await until('the feed is open', () => live.text.includes(': open'));
    const told = { reading: ids[1], act: 'amend', reason: 'handling', value: '64' };
    const stranger = await world.signIn(practitioner('chiropractor'));
    expect((await tell(stranger, told)).status).toBe(404);
    expect((await tell(doctor, told)).status).toBe(201);
    await until('the page is told to look again', () => live.text.includes('event: changed'));
    expect((await observation(ids[1]!)).valueQuantity?.value).toBe(64);
    await world.settle();
    const verdict = verifyReceipt(await receipt(ids[1]!), trust);
    expect([verdict.verdict, verdict.correction?.by]).toEqual(['superseded', 'practitioner']);
    expect(readHeader(decodeReceipt(await receipt(ids[1]!)).header).header.sequence).toBe(1);
  });
});
