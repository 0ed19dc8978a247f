/** What a patient does to pair a wearable, by session or by requests signed with the patient's key. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { MAX_PASSKEY, MAX_USER_INDEX } from '../../protocol/agent-action.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Patient } from '../record/patients.ts';
import { requirePatient } from './access.ts';
import type { AppDeps } from './app.ts';
import { parseBody } from './body.ts';

const gateway = z.string().regex(/^[a-z2-7]{52}$/);
const device = z.string().regex(/^[0-9a-f]{32}$/);

const ScanBody = z.strictObject({ gateway });
const PairBody = z.strictObject({ gateway, device });
const PasskeyBody = z.strictObject({ device, passkey: z.number().int().min(0).max(MAX_PASSKEY) });
const ClaimBody = z.strictObject({ gateway, device, userIndex: z.number().int().min(0).max(MAX_USER_INDEX) });
const UnpairBody = z.strictObject({ device });
const NoBody = z.strictObject({});

export function addPairingRoutes(app: FastifyInstance, { store, sessions, pairing }: AppDeps): void {
  // A scope of its own, because here a body is kept as it came: a signed request covers its octets.
  app.register(async (scope) => {
    const bodies = new WeakMap<FastifyRequest, Uint8Array>();
    scope.removeContentTypeParser('application/json');
    scope.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
      bodies.set(request, new Uint8Array(body));
      try {
        done(null, JSON.parse(body.toString('utf8')));
      } catch {
        done(new Fault('malformed', 'not JSON'));
      }
    });
    const me = (request: FastifyRequest) => requirePatient(sessions, store, request, bodies.get(request));

    function post<T>(path: string, schema: z.ZodType<T>, act: (patient: Patient, body: T) => unknown): void {
      scope.post(`/api/pairing/${path}`, async (request, reply) => {
        const patient = me(request);
        const answer = await act(patient, parseBody(schema, request.body));
        return reply.code(202).send(answer ?? {});
      });
    }

    scope.get('/api/pairing', (request) => pairing.view(me(request)));
    post('scan', ScanBody, (patient, body) => pairing.scan(patient, body.gateway));
    post('pair', PairBody, (patient, body) => pairing.pair(patient, body.gateway, body.device));
    post('passkey', PasskeyBody, (patient, body) => pairing.passkey(patient, body.device, body.passkey));
    post('claim', ClaimBody, (patient, body) => pairing.claim(patient, body.gateway, body.device, body.userIndex));
    post('unpair', UnpairBody, (patient, body) => pairing.unpair(patient, body.device));
    post('gateway-code', NoBody, (patient) => pairing.gatewayCode(patient));
  });
}
