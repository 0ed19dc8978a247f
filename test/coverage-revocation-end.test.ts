/**
 * A certificate of coverage of an agent whose key was revoked, and of which nothing was put aside after that: only the
 * revocation itself names the last batch, so without its word the last batches could be taken away unnoticed.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revoke } from '../ingest-service/agent-operator.ts';
import { NO_BATCH } from '../protocol/batch.ts';
import { equalBytes } from '../protocol/bytes.ts';
import type { CertifiedAgent, CoverageCertificate } from '../protocol/coverage-certificate.ts';
import { readEnrolment } from '../protocol/enrolment.ts';
import { readKeyEvent, signKeyEvent } from '../protocol/key-event.ts';
import { agentIdOf, decodeId, deviceHandle, encodeId, thumbprint } from '../protocol/keys.ts';
import { type CoverageLeaf, encodeLeaf } from '../protocol/leaf.ts';
import { consentToCollect, type SimulatedPatient } from '../simulators/patients.ts';
import { type CoverageHome, dishonest, openCoverageHome } from './support/coverage-home.ts';
import { BEGIN, namedIntervals, STEP } from './support/coverage-site.ts';
import { newSigner, openRawAgent, type RawAgent } from './support/raw-agent.ts';
import { until } from './support/until.ts';

/** Batches 1 to 3 are of the first key, 4 and 5 of the second; then both are revoked, and a minute passes. */
const COUNT = 5;
const END = BEGIN + (COUNT + 1) * STEP;

let home: CoverageHome;
let honest: CoverageCertificate;

beforeAll(async () => {
  home = await openCoverageHome();
  await home.beat(3);
  await home.gateway.settled();
  await home.rotate();
  await home.beat(2);
  await home.logged();
  revoke({ data: home.world.directory, agent: home.gateway.id, reason: 'lost (HTEST)' }, Date.now);
  await home.world.settle();
  await until('the places in the log', () => home.store.commitments.countUnlogged() === 0);
  honest = await home.certificate(END);
}, 60_000);

afterAll(() => home.close());

const agentOf = () => honest.agents[0]!;
const enrolledThumbprint = () => thumbprint(readEnrolment(agentOf().enrolment).agentKey);
const failed = (certificate: CoverageCertificate) =>
  home.verify(certificate).steps.flatMap(({ step, holds }) => (holds ? [] : [step]));
const statesOf = ({ devices }: CoverageCertificate) =>
  devices[0]!.intervals.map(({ from, to, state }) => `${(from - BEGIN) / STEP}-${(to - BEGIN) / STEP} ${state}`);
const revocationsOf = ({ keyEvents }: CertifiedAgent) =>
  keyEvents.map(({ event }) => readKeyEvent(event)).flatMap((event) => (event.type === 'revocation' ? [event] : []));

/** The certificate of a record from which all batches from one on were taken, with what they held. */
async function without(first: number, to: number): Promise<CoverageCertificate> {
  const { record } = home;
  record.exec('SAVEPOINT whole');
  const taken = ['segments', 'batches'].map((table) => {
    const where = table === 'batches' ? 'sequence >= ?' : 'batch IN (SELECT id FROM batches WHERE sequence >= ?)';
    return { table, rows: record.prepare(`DELETE FROM ${table} WHERE ${where} RETURNING *`).all(first) };
  });
  record.exec('RELEASE whole');
  expect(taken.every(({ rows }) => rows.length > 0)).toBe(true);
  try {
    return await home.certificate(to);
  } finally {
    for (const { table, rows } of taken.toReversed()) {
      for (const row of rows) {
        const names = Object.keys(row);
        const insert = `INSERT INTO ${table} (${names}) VALUES (${names.map(() => '?')})`;
        record.prepare(insert).run(...(Object.values(row) as string[]));
      }
    }
  }
}

describe('the revocation', () => {
  it('of each key of the agent names the newest batch under any of them', () => {
    const id = decodeId(home.store.batches.idAt(home.gateway.id, COUNT)!);
    expect(revocationsOf(agentOf()).map(({ newest }) => newest)).toEqual([
      { sequence: COUNT, id },
      { sequence: COUNT, id },
    ]);
  });

  it('of an agent without a batch names none', () => {
    const { publicKey } = newSigner();
    const agent = agentIdOf(publicKey);
    const { enrolment } = agentOf();
    home.store.transaction(() =>
      home.store.agents.insert({ id: agent, publicKey, enrolment, credentialHash: new Uint8Array(32) }),
    );
    revoke({ data: home.world.directory, agent, reason: 'never used (HTEST)' }, Date.now);
    const event = readKeyEvent(home.store.keyEvents.revocationOf(agent)!.signed);
    expect(event).toMatchObject({ newest: { sequence: 0, id: NO_BATCH } });
  });

  it('of an agent whose newest batch the disk altered before it was filed names that one', () => {
    const { publicKey } = newSigner();
    const agent = agentIdOf(publicKey);
    const { enrolment } = agentOf();
    const row = { agent, foundAt: 5, body: new Uint8Array(1) };
    home.store.transaction(() => {
      home.store.agents.insert({ id: agent, publicKey, enrolment, credentialHash: new Uint8Array(32) });
      home.store.unreadable.insert({ ...row, batch: encodeId(new Uint8Array(32).fill(3)), sequence: 1 });
    });
    home.store.transaction(() => home.store.unreadable.insert({ ...row, batch: 'not an id', sequence: 2 }));
    revoke({ data: home.world.directory, agent, reason: 'lost (HTEST)' }, Date.now);
    const event = readKeyEvent(home.store.keyEvents.revocationOf(agent)!.signed);
    expect(event).toMatchObject({ newest: { sequence: 2 } });
  });
});

describe('an honest certificate', () => {
  it('is green, and what comes after the last batch is revoked', () => {
    expect(failed(honest)).toEqual([]);
    expect(statesOf(honest)).toEqual(['0-5 received', '5-6 revoked']);
  });

  it.each([
    [0, 1],
    [0, 3],
    [1.5, 2.5],
    [2, 4],
    [3, 5],
    [4.5, 5.5],
    [5, 6],
    [5.5, 6],
  ])('of minute %d to %d is green', async (from, to) => {
    expect(failed(await home.certificate(BEGIN + to * STEP, { from: BEGIN + from * STEP }))).toEqual([]);
  });
});

describe('a record without the last batches', () => {
  it.each([5, 4, 3, 2])('from number %i on makes it red, and names the time', async (first) => {
    const certificate = await without(first, END);
    const verdict = home.verify(certificate);
    expect(verdict.verdict).toBe('red');
    expect(new Set(namedIntervals(verdict))).toEqual(new Set([`${first - 1}-6`]));
    expect(verdict.findings.map(({ says }) => says).join()).toMatch(/missing: the record had up to batch 5 when/);
    expect(statesOf(certificate)).toEqual([`0-${first - 1} received`, `${first - 1}-6 unknown`]);
  });

  it('says nothing of a time before them', async () => {
    expect(failed(await without(4, BEGIN + 3 * STEP))).toEqual([]);
    const verdict = home.verify(await without(4, BEGIN + 3.5 * STEP));
    expect(new Set(namedIntervals(verdict))).toEqual(new Set(['3-3.5']));
  });
});

describe('a service that hides and signs', () => {
  it.each([5, 4])('the last batches from number %i on', (first) => {
    const batches = agentOf().batches.slice(0, first - 1);
    const verdict = home.verify(dishonest(honest, { batches }));
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toContain(`${first - 1}-6`);
  });

  it('the second key with all that it signed', () => {
    const isFirst = ({ event }: CertifiedAgent['keyEvents'][number]) =>
      readKeyEvent(event).type === 'revocation' && equalBytes(readKeyEvent(event).agent, enrolledThumbprint());
    const shown = { batches: agentOf().batches.slice(0, 3), keyEvents: agentOf().keyEvents.filter(isFirst) };
    expect(shown.keyEvents).toHaveLength(1);
    const verdict = home.verify(dishonest(honest, shown));
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toContain('3-6');
  });

  it('the last batch by passing it off as put aside', async () => {
    const { commitment } = home.store.batches.get(home.store.batches.idAt(home.gateway.id, COUNT)!)!;
    await home.withoutPlace(commitment, async () => {
      const certificate = await home.certificate(END);
      const batches = certificate.agents[0]!.batches.map(({ part, ...rest }, i) =>
        i === COUNT - 1 || !part ? rest : { ...rest, part },
      );
      const shown = dishonest(certificate, { batches });
      const verdict = home.verify(shown);
      expect(verdict.verdict).toBe('red');
      expect(verdict.findings.map(({ says }) => says)).toContain('Batch 5 is not in the log.');
      expect(new Set(namedIntervals(verdict))).toEqual(new Set(['4-5']));
      expect(statesOf(shown)).toEqual(['0-4 received', '4-5 unknown', '5-6 revoked']);
    });
  });

  it('that the last batch is another than the revocation names', () => {
    const wish = { reason: 'lost (HTEST)', at: 5, newest: { sequence: COUNT, id: new Uint8Array(32).fill(9) } };
    const keyEvents = agentOf().keyEvents.map((one) => {
      const { type, agent } = readKeyEvent(one.event);
      return type === 'revocation' ? { ...one, event: signKeyEvent({ ...wish, type, agent }, home.signer) } : one;
    });
    const verdict = home.verify(dishonest(honest, { keyEvents }));
    expect(verdict.findings.map(({ says }) => says)).toContain('Batch 5 is not the one that the revocation names.');
    expect(verdict.steps.find(({ step }) => step === 'chain')!.holds).toBe(false);
  });
});

it('with revocations of an earlier version is checked as before, and says what it does not show', () => {
  const keyEvents = agentOf().keyEvents.map((one) => {
    const event = readKeyEvent(one.event);
    if (event.type !== 'revocation') return one;
    const { type, agent, reason, at } = event;
    return { event: signKeyEvent({ type, agent, reason, at }, home.signer), logIndex: one.logIndex! };
  });
  const saysOf = (shown: CoverageCertificate) => home.verify(shown).steps.find(({ step }) => step === 'keys')!.says;
  const old = dishonest(honest, { keyEvents });
  expect(saysOf(old)).toMatch(/the last before that is not named/);
  expect(saysOf(honest)).not.toMatch(/not named/);
  expect(statesOf(old)).toEqual(statesOf(honest));
  // Made up here, so the log does not have them; all else holds, and hides the last batch.
  expect(failed(old)).toEqual(['log']);
  expect(failed(dishonest(honest, { keyEvents, batches: agentOf().batches.slice(0, 4) }))).toEqual(['log']);
});

describe('a device that was given back and came again', () => {
  const ADDRESS = 'c0:ff:ee:00:00:07';
  let cem: SimulatedPatient;
  let agent: RawAgent;

  beforeAll(async () => {
    const { world, store } = home;
    cem = world.patient('Cem (HTEST)');
    await consentToCollect(cem);
    agent = await openRawAgent(world, cem, ADDRESS);
    const own = { kind: 'coverage', subject: cem.subject, test: true } as const;
    const device = deviceHandle(cem.subject, 'random', ADDRESS);
    const send = async (from: number, to: number, leaves: readonly Partial<CoverageLeaf>[]) => {
      const span = { ...own, device, from: BEGIN + from * STEP, to: BEGIN + to * STEP, state: 'silent' } as const;
      const bodies = leaves.map((leaf) => encodeLeaf({ ...span, ...leaf }));
      const segments = [{ key: new Uint8Array(32).fill(from), start: 0, bodies }];
      const { answer } = await agent.sendGood({ segments, header: { openedAt: span.from, closedAt: span.to } });
      expect(answer.outcome).toBe('held');
    };
    const end = BEGIN + 2 * STEP;
    await send(0, 2, [{ tally: { readings: 0, coverages: 2, after: 0 } }, { from: end, to: end, state: 'unpaired' }]);
    await send(5, 6, [{ tally: { readings: 0, coverages: 1, after: 1 } }]);
    await world.settle();
    revoke({ data: world.directory, agent: agent.id, reason: 'lost (HTEST)' }, Date.now);
    await world.settle();
    await until('the places in the log', () => store.commitments.countUnlogged() === 0);
  });

  afterAll(() => agent.client.end(true));

  const certificate = () => home.certificate(BEGIN + 4 * STEP, { patient: home.world.recordOf(cem) });

  it('is no gap in between: the batch after the end shows that none is hidden', async () => {
    const shown = await certificate();
    expect(failed(shown)).toEqual([]);
    expect(statesOf(shown)).toEqual(['0-2 silent', '2-4 not-paired']);
    expect(shown.agents[0]!.batches).toHaveLength(2);
  });

  it('without that batch the time in between is open', async () => {
    const shown = await certificate();
    const verdict = home.verify(dishonest(shown, { batches: shown.agents[0]!.batches.slice(0, 1) }));
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toContain('2-4');
  });
});
