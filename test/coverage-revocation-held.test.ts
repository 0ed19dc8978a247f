/**
 * A key that is revoked while a batch is acknowledged and not filed yet: the revocation does not name it, it is put aside,
 * and the certificate is green before people decide and after.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { admitBatch, revokeAgent } from '../ingest-service/key-changes.ts';
import { readHeader } from '../protocol/batch.ts';
import type { CoverageCertificate } from '../protocol/coverage-certificate.ts';
import { readKeyEvent } from '../protocol/key-event.ts';
import { encodeId } from '../protocol/keys.ts';
import { BEGIN, type CoverageSite, namedIntervals, openCoverageSite, STEP } from './support/coverage-site.ts';

const END = BEGIN + 4 * STEP;
let site: CoverageSite;

beforeAll(async () => {
  site = await openCoverageSite(4);
}, 60_000);

afterAll(() => site.close());

const failed = (certificate: CoverageCertificate) =>
  site.verify(certificate).steps.flatMap(({ step, holds }) => (holds ? [] : [step]));
/** Of the strap that speaks all the time. */
const statesOf = ({ devices }: CoverageCertificate) =>
  devices.map(({ intervals }) =>
    intervals.map(({ from, to, state }) => `${(from - BEGIN) / STEP}-${(to - BEGIN) / STEP} ${state}`),
  );

it('is named as far as it was filed, and what was held is no gap', async () => {
  const { envelopes, signedHeaders, store, signer } = site;
  for (const envelope of envelopes.slice(0, 2)) expect((await site.receive(envelope)).outcome).toBe('held');
  await site.settle();
  await site.pauseFiling();
  expect((await site.receive(envelopes[2]!)).outcome).toBe('held');
  const [, second, third] = signedHeaders.map((signed) => readHeader(signed));
  const agent = encodeId(second!.header.agent);
  revokeAgent({ store, signer, clock: Date.now }, agent, 'lost (HTEST)');
  const event = readKeyEvent(store.keyEvents.revocationOf(agent)!.signed);
  expect(event).toMatchObject({ newest: { sequence: 2, id: second!.id } });
  site.resumeFiling();
  await site.settle();
  expect(store.quarantine.newest(agent)).toMatchObject({ sequence: 3 });

  const undecided = await site.certificate(END);
  expect(failed(undecided)).toEqual([]);
  expect(statesOf(undecided)).toContainEqual(['0-2 received', '2-4 revoked']);

  site.admit(encodeId(third!.id), () => admitBatch({ store, signer, clock: Date.now }, encodeId(third!.id)));
  await site.settle();
  const admitted = await site.certificate(END);
  expect(failed(admitted)).toEqual([]);
  expect(statesOf(admitted)).toContainEqual(['0-3 received', '3-4 revoked']);

  // Another certificate, without what the record had: the batch that was let in shows where it was.
  const batches = admitted.agents[0]!.batches.filter(({ header }) => readHeader(header).header.sequence !== 2);
  const verdict = site.verify({ ...admitted, agents: [{ ...admitted.agents[0]!, batches }] });
  expect(namedIntervals(verdict)).toContain('1-2');
});
