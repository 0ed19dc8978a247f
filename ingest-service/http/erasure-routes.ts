/** Certificates of erasure, for who has the id: it is random, and was told to nobody but who asked for the erasure. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { decodeBase32 } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { readErasureCertificate } from '../../protocol/erasure.ts';
import { encodeErasureCertificate } from '../../protocol/erasure-certificate.ts';
import { Fault } from '../../protocol/fault.ts';
import { proveLogged } from '../receipts.ts';
import type { AppDeps } from './app.ts';
import { parseBody } from './body.ts';

const ErasureParams = z.object({ id: z.string().regex(/^[a-z2-7]{26}$/) });

export function addErasureRoutes(app: FastifyInstance, { erasing, receiptSources }: AppDeps): void {
  // 503 until a signed checkpoint covers the newest certificate.
  app.get('/api/erasures/:id', async (request, reply) => {
    const { id } = parseBody(ErasureParams, request.params);
    const kept = erasing.get(decodeBase32(id));
    if (!kept) throw new Fault('not-found', 'no such erasure');
    if (!kept.certificate) throw new Fault('missing', 'not verified yet', 'later');
    const { certificate } = kept;
    const logProof = await proveLogged(receiptSources, commitmentOf('erasure', readErasureCertificate(certificate).id));
    return reply
      .type('application/json')
      .header('content-disposition', 'attachment; filename="erasure.json"')
      .send(encodeErasureCertificate({ certificate, logProof }));
  });
}
