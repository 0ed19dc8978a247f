import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signCertificate } from '../protocol/coverage-certificate.ts';
import { BEGIN, type CoverageSite, namedIntervals, openCoverageSite, STEP, summary } from './support/coverage-site.ts';

const COUNT = 20;
const END = BEGIN + COUNT * STEP;
let site: CoverageSite;

beforeAll(async () => {
  site = await openCoverageSite(COUNT);
  for (const envelope of site.envelopes) await site.receive(envelope);
  await site.settle();
}, 120_000);
afterAll(() => site.close());

describe('an honest certificate', () => {
  it('is green', async () => {
    const certificate = await site.certificate(END);
    const verdict = site.verify(certificate);
    console.log(
      verdict.steps,
      namedIntervals(verdict),
      summary(verdict),
      signCertificate(certificate, site.signer).length,
    );
    expect(verdict.verdict).toBe('green');
  });
});
