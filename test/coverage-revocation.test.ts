/** A certificate of coverage of a time in which the agent's key was revoked: what stands behind it in the log does not count. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideBatches, listQuarantine, revoke } from '../ingest-service/agent-operator.ts';
import type { CertifiedAgent, CoverageCertificate } from '../protocol/coverage-certificate.ts';
import { readKeyEvent, signKeyEvent } from '../protocol/key-event.ts';
import { type CoverageHome, dishonest, openCoverageHome } from './support/coverage-home.ts';
import { BEGIN, namedIntervals, STEP } from './support/coverage-site.ts';
import { until } from './support/until.ts';

/** Batches 1 to 3 are filed; then the key is revoked. Of 4 to 6, people let in the second and reject the first. */
const END = BEGIN + 6 * STEP;

let home: CoverageHome;
/** When nobody had decided yet, and after. */
let undecided: CoverageCertificate;
let honest: CoverageCertificate;

beforeAll(async () => {
  home = await openCoverageHome();
  const agent = home.gateway.id;
  await home.beat(3);
  await home.logged();
  revoke({ data: home.world.directory, agent, reason: 'stolen (HTEST)' }, Date.now);
  await home.beat(3);
  await until('all is put aside', () => home.store.quarantine.countWaiting(agent) === 3, 20_000);
  const logged = async () => {
    await home.world.settle();
    await until('the places in the log', () => home.store.commitments.countUnlogged() === 0);
  };
  await logged();
  undecided = await home.certificate(END);
  const [fourth, fifth] = listQuarantine({ data: home.world.directory, json: true });
  decideBatches({ data: home.world.directory, batch: fourth!.batch, decision: 'rejected' }, Date.now);
  decideBatches({ data: home.world.directory, batch: fifth!.batch, decision: 'accepted' }, Date.now);
  await until('it is filed', () => home.store.batches.idAt(agent, 5) !== undefined);
  await logged();
  honest = await home.certificate(END);
}, 60_000);

afterAll(() => home.close());

const failed = (certificate: CoverageCertificate) =>
  home.verify(certificate).steps.flatMap(({ step, holds }) => (holds ? [] : [step]));
const statesOf = ({ devices }: CoverageCertificate) =>
  devices.map(({ intervals }) =>
    intervals.map(({ from, to, state }) => `${(from - BEGIN) / STEP}-${(to - BEGIN) / STEP} ${state}`),
  );
const agentOf = () => honest.agents[0]!;
const withEvents = (change: (one: CertifiedAgent['keyEvents'][number], type: string) => CertifiedAgent['keyEvents']) =>
  agentOf().keyEvents.flatMap((one) => change(one, readKeyEvent(one.event).type));

describe('an honest certificate', () => {
  it('is green: the time after the revocation has a state of its own', () => {
    expect(failed(undecided)).toEqual([]);
    expect(statesOf(undecided)).toEqual([['0-3 received', '3-6 revoked']]);
    expect(home.verify(undecided).steps.find(({ step }) => step === 'keys')!.says).toMatch(
      /^1 key revoked, at entry \d+ of the log\.$/,
    );
  });

  it('counts what people let in, and shows that what is between was put aside', () => {
    expect(failed(honest)).toEqual([]);
    expect(statesOf(honest)).toEqual([['0-3 received', '3-4 revoked', '4-5 received', '5-6 revoked']]);
    const verdict = home.verify(honest);
    expect(verdict.steps.find(({ step }) => step === 'keys')!.says).toMatch(/1 batch let in after that/);
    expect(verdict.steps.find(({ step }) => step === 'readings')!.says).toMatch(/^All 4 readings .* 4 in the record/);
  });

  it('of the time before is green, and so is one of the time after', async () => {
    expect(failed(await home.certificate(BEGIN + 2 * STEP))).toEqual([]);
    const after = await home.certificate(END + STEP, { from: BEGIN + 5.5 * STEP });
    expect([failed(after), statesOf(after)]).toEqual([[], [['5.5-7 revoked']]]);
  });
});

describe('without one batch', () => {
  it.each([1, 2, 3, 5])('number %i in the record is red and names it', async (sequence) => {
    await home.withoutBatch(sequence, async () => {
      const verdict = home.verify(await home.certificate(END));
      expect(verdict.verdict).toBe('red');
      expect([...new Set(namedIntervals(verdict))]).toEqual([`${sequence - 1}-${sequence}`]);
    });
  });

  it.each([1, 2])('number %i cannot be passed off as put aside', async (sequence) => {
    const { commitment } = home.store.batches.get(home.store.batches.idAt(home.gateway.id, sequence)!)!;
    await home.withoutPlace(commitment, async () => {
      const certificate = await home.certificate(END);
      const batches = certificate.agents[0]!.batches.map(({ part, ...rest }, i) =>
        i === sequence - 1 || !part ? rest : { ...rest, part },
      );
      const verdict = home.verify(dishonest(certificate, { batches }));
      expect(verdict.verdict).toBe('red');
      expect(namedIntervals(verdict)).toContain(`${sequence - 1}-${sequence}`);
      expect(verdict.findings.map(({ says }) => says)).toContain(`Batch ${sequence} is not in the log.`);
    });
  });
});

describe('a service that says something else of the key', () => {
  it('without the revocation is red: what was put aside is not in the log', () => {
    const verdict = home.verify(
      dishonest(honest, { keyEvents: withEvents((one, type) => (type === 'revocation' ? [] : [one])) }),
    );
    expect(verdict.verdict).toBe('red');
    expect(namedIntervals(verdict)).toContain('3-4');
  });

  it('without the admission cannot count the batch that stands behind the revocation', () => {
    const keyEvents = withEvents((one, type) => (type === 'admission' ? [] : [one]));
    const shown = dishonest(honest, { keyEvents });
    expect(statesOf(shown)).toEqual([['0-3 received', '3-6 revoked']]);
    expect(failed({ ...shown, devices: honest.devices })).toContain('intervals');
  });

  it('puts it elsewhere in the log, where it is not', () => {
    const keyEvents = withEvents((one, type) => [
      type === 'revocation' ? { ...one, logIndex: one.logIndex! + 1 } : one,
    ]);
    expect(failed(dishonest(honest, { keyEvents }))).toContain('log');
  });

  it('has it not in the log: red from where it would take effect', async () => {
    const { commitment } = home.store.keyEvents.revocationOf(home.gateway.id)!;
    await home.withoutPlace(commitment, async () => {
      const verdict = home.verify(await home.certificate(END));
      expect(verdict.verdict).toBe('red');
      expect(verdict.findings.map(({ says }) => says)).toContain("That the agent's key was revoked is not in the log.");
      expect(failed(await home.certificate(BEGIN + 2 * STEP))).toEqual([]);
    });
    expect(failed(await home.certificate(END))).toEqual([]);
  });

  it('revokes a key that is none of the agent', () => {
    const wish = { type: 'revocation', agent: new Uint8Array(32).fill(1), reason: 'HTEST', at: 5 } as const;
    const keyEvents = [{ event: signKeyEvent(wish, home.signer) }];
    expect(failed({ ...honest, agents: [{ ...agentOf(), keyEvents }] })).toContain('keys');
  });
});
