/** Faults as HTTP answers: an OperationOutcome below `/fhir`, a problem document elsewhere (RFC 9457). */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Fault, isFault } from '../../protocol/fault.ts';
import type { Counters } from '../counters.ts';
import { FHIR_JSON } from '../fhir/json.ts';
import { refusalOf } from '../fhir/operation-outcome.ts';

export function answerFault(error: unknown, request: FastifyRequest, reply: FastifyReply, counters: Counters): void {
  const fault = asFault(error);
  const { status, outcome } = refusalOf(fault);
  counters.add(`http.refused.${fault.code}`);
  if (request.url.startsWith('/fhir/')) {
    reply.code(status).type(FHIR_JSON).send(outcome);
    return;
  }
  const title = outcome.issue[0]!.diagnostics;
  reply.code(status).type('application/problem+json').send({ type: 'about:blank', status, title, code: fault.code });
}

/** What is not a fault of ours is either the framework's refusal of a request or a bug; neither is quoted. */
function asFault(error: unknown): Fault {
  if (error === undefined) return new Fault('not-found', 'no such page');
  if (isFault(error)) return error;
  const status = (error as { statusCode?: number }).statusCode;
  if (status === 413) return new Fault('too-large', 'request too large');
  if (status !== undefined && status < 500) return new Fault('malformed', 'not a request that is understood here');
  return new Fault('inconsistent', 'something went wrong on our side');
}
