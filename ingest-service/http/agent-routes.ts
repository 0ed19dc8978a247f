/** `POST /agent/enrolment`: the only thing an agent asks over HTTP; all else goes over MQTT. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { enrolAgent } from '../enrolment.ts';
import type { AppDeps } from './app.ts';
import { parseBody } from './body.ts';

const EnrolmentBody = z.strictObject({
  code: z.string().min(1).max(64),
  publicKey: z.string().length(43),
  proof: z.string().length(86),
});

export function addAgentRoutes(app: FastifyInstance, { enrolment }: AppDeps): void {
  app.post('/agent/enrolment', (request) => enrolAgent(enrolment, parseBody(EnrolmentBody, request.body)));
}
