/** `POST /agent/enrolment` and `/agent/rotation`: what an agent asks over HTTP; all else goes over MQTT. */
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

const RotationBody = z.strictObject({ rotation: z.string().min(1).max(1024) });

export function addAgentRoutes(app: FastifyInstance, { enrolment, rotate }: AppDeps): void {
  app.post('/agent/enrolment', (request) => enrolAgent(enrolment, parseBody(EnrolmentBody, request.body)));
  app.post('/agent/rotation', (request) => rotate(parseBody(RotationBody, request.body)));
}
