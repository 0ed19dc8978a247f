import { expect, it } from 'vitest';
import { verifyErasureCertificate } from '../../protocol/erasure-certificate.ts';
import { renderErasure } from '../../verifier/erasure-report.ts';

it('says with every verdict what no certificate shows', () => {
  const said = renderErasure('HTEST.json', verifyErasureCertificate('{}'), false).split('What no certificate shows')[1];
  for (const limit of ['no copy exists outside', 'keeps no old blocks', 'Kafka']) expect(said).toContain(limit);
});
