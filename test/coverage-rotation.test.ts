/** A certificate of coverage of a time in which the agent's key was replaced: nothing is lost at the boundary unnoticed. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revoke } from '../ingest-service/agent-operator.ts';
import { readHeader } from '../protocol/batch.ts';
import type { CoverageCertificate } from '../protocol/coverage-certificate.ts';
import { readKeyEvent, signKeyEvent, signRotation } from '../protocol/key-event.ts';
import { type CoverageHome, dishonest, openCoverageHome } from './support/coverage-home.ts';
import { BEGIN, namedIntervals, STEP } from './support/coverage-site.ts';
import { newSigner } from './support/raw-agent.ts';
import { until } from './support/until.ts';

/** Batches 1 to 3 are of the first key, 4 to 6 of the second, 7 and 8 of the third. */
const COUNT = 8;
const END = BEGIN + COUNT * STEP;
const LASTS = [3, 6];

let home: CoverageHome;
let honest: CoverageCertificate;

beforeAll(async () => {
  home = await openCoverageHome();
  await home.beat(3);
  await home.gateway.settled();
  await home.rotate();
  await home.beat(3);
  await home.gateway.settled();
  await home.rotate();
  await home.beat(2);
  await home.logged();
  honest = await home.certificate(END);
}, 60_000);

afterAll(() => home.close());

const failed = (certificate: CoverageCertificate) =>
  home.verify(certificate).steps.flatMap(({ step, holds }) => (holds ? [] : [step]));

describe('an honest certificate', () => {
  it('is green across the rotations, and its intervals make up all of the time', () => {
    const verdict = home.verify(honest);
    expect(verdict.steps.filter(({ holds }) => !holds)).toEqual([]);
    expect(verdict.verdict).toBe('green');
    const [agent] = honest.agents;
    expect(honest.agents).toHaveLength(1);
    expect(new Set(agent!.batches.map(({ header }) => String(readHeader(header).header.agent))).size).toBe(3);
    const rotations = agent!.keyEvents.map(({ event }) => readKeyEvent(event));
    expect(rotations.map((event) => event.type === 'rotation' && event.rotation.lastSequence)).toEqual(LASTS);
    for (const { intervals } of honest.devices) {
      expect(intervals.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(END - BEGIN);
      expect(intervals.map(({ state }) => state)).toEqual(['received']);
    }
    expect(verdict.steps.find(({ step }) => step === 'keys')!.says).toMatch(/^2 keys named the next one/);
  });

  it.each([
    [0, 3],
    [2, 4],
    [3, 6],
    [4, 7.5],
    [6.5, 8],
  ])('of minute %d to %d is green', async (from, to) => {
    const certificate = await home.certificate(BEGIN + to * STEP, { from: BEGIN + from * STEP });
    expect(failed(certificate)).toEqual([]);
  });
});

describe('without one batch', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])('number %i in the record is red and names it', async (sequence) => {
    await home.withoutBatch(sequence, async () => {
      const verdict = home.verify(await home.certificate(END));
      expect(verdict.verdict).toBe('red');
      expect([...new Set(namedIntervals(verdict))]).toEqual([`${sequence - 1}-${sequence}`]);
    });
  });

  it.each([3, 4, 6, 7])('number %i that the service hides is red and names it', (sequence) => {
    const batches = honest.agents[0]!.batches.filter((_, i) => i !== sequence - 1);
    const verdict = home.verify(dishonest(honest, { batches }));
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toContain(`${sequence - 1}-${sequence}`);
    expect(verdict.findings.map(({ says }) => says)).toContain(`Batch ${sequence} is missing.`);
  });
});

describe('a service that shows other rotations', () => {
  const events = () => honest.agents[0]!.keyEvents;

  it('leaves one out: what the next key signed counts for nothing', () => {
    expect(failed(dishonest(honest, { keyEvents: events().slice(0, 1) }))).toContain('chain');
    expect(failed({ ...honest, agents: [{ ...honest.agents[0]!, keyEvents: events().slice(1) }] })).toContain('keys');
  });

  it('makes one up, to which the agent never set its name', async () => {
    const [first] = events();
    const read = readKeyEvent(first!.event);
    if (read.type !== 'rotation') throw new Error('not a rotation');
    const { lastSequence, lastBatch, at, credentialHash } = read.rotation;
    const forged = signRotation({ lastSequence, lastBatch, at, credentialHash }, newSigner(), newSigner());
    for (const service of [newSigner(), home.signer]) {
      const event = signKeyEvent({ type: 'rotation', signedRotation: forged, at }, service);
      expect(failed({ ...honest, agents: [{ ...honest.agents[0]!, keyEvents: [{ event }] }] })).toContain('keys');
    }
  });

  it('does not have one in the log: red, from the batch after which it stands', () => {
    const keyEvents = events().map(({ event, logIndex }, i) => (i === 0 ? { event } : { event, logIndex: logIndex! }));
    expect(failed({ ...honest, agents: [{ ...honest.agents[0]!, keyEvents }] })).toEqual(['log']);
  });

  it('and does not say so, which the certificate itself does', async () => {
    const { commitment } = home.store.keyEvents.rotationOf(
      home.store.keyEvents.lineOf(home.gateway.id as never).at(-1)!,
    )!;
    await home.withoutPlace(commitment, async () => {
      const verdict = home.verify(await home.certificate(END));
      expect(verdict.verdict).toBe('red');
      expect(namedIntervals(verdict)).toEqual([`3-${COUNT}`]);
      expect(verdict.findings[0]!.says).toMatch(/replaced after batch 3 is not in the log/);
    });
    expect(home.verify(await home.certificate(END)).verdict).toBe('green');
  });
});

it('of a line of keys that is revoked says so for the time after, and counts what was before', async () => {
  revoke({ data: home.world.directory, agent: home.gateway.id, reason: 'lost (HTEST)' }, Date.now);
  await home.world.settle();
  await until('the places in the log', () => home.store.commitments.countUnlogged() === 0);
  const certificate = await home.certificate(END + STEP);
  expect(failed(certificate)).toEqual([]);
  expect(certificate.devices[0]!.intervals.map(({ to, state }) => [(to - BEGIN) / STEP, state])).toEqual([
    [COUNT, 'received'],
    [COUNT + 1, 'revoked'],
  ]);
  expect(home.verify(certificate).steps.find(({ step }) => step === 'keys')!.says).toMatch(
    /^2 keys named .* 3 keys revoked/,
  );
});
