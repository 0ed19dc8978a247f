/** The HTTP application: routes over the deps, no listening. One place turns faults into answers. */
import cookie from '@fastify/cookie';
import Fastify, { type FastifyInstance } from 'fastify';
import type { ConsentState } from '../../protocol/consent-chain.ts';
import type { Clock } from '../../protocol/time.ts';
import type { Correcting } from '../correcting.ts';
import type { Counters } from '../counters.ts';
import type { EnrolmentDeps } from '../enrolment.ts';
import type { Erasing } from '../erasure/erasing.ts';
import type { Feed } from '../feed.ts';
import type { Pairing } from '../pairing.ts';
import type { ReceiptSources } from '../receipts.ts';
import type { Patient } from '../record/patients.ts';
import type { RecordStore } from '../record/record-sqlite.ts';
import type { Sight } from '../sight.ts';
import type { StandingOf } from '../standing.ts';
import { addAgentRoutes } from './agent-routes.ts';
import { addClinicRoutes } from './clinic-routes.ts';
import { addCorrectionRoutes } from './correction-routes.ts';
import { addErasureRoutes } from './erasure-routes.ts';
import { answerFault } from './errors.ts';
import { addFeedRoutes } from './feed-routes.ts';
import { addFhirRoutes } from './fhir-routes.ts';
import { addLogRoutes } from './log-routes.ts';
import { addPageRoutes } from './page-routes.ts';
import { addPairingRoutes } from './pairing-routes.ts';
import { addPatientRoutes } from './patient-routes.ts';
import type { Sessions } from './sessions.ts';

export interface AppDeps {
  readonly store: RecordStore;
  readonly sight: Sight;
  readonly sessions: Sessions;
  readonly feed: Feed;
  readonly standingOf: StandingOf;
  readonly receiptSources: ReceiptSources;
  readonly enrolment: EnrolmentDeps;
  /** An agent brings its next key; throws what `rotateKey` throws. */
  readonly rotate: (request: { readonly rotation: string }) => { readonly keyEvent: string };
  readonly pairing: Pairing;
  readonly counters: Counters;
  readonly clock: Clock;
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Folder with the built pages; absent: no pages, API only. */
  readonly pages?: string;
  /** Adds a signed consent event, in effect when it resolves. */
  appendConsent(patient: Patient, signed: Uint8Array): Promise<ConsentState>;
  readonly erasing: Erasing;
  /** Erases a patient on their own signed event; the answer is the erasure's id. */
  erase(patient: Patient, signed: Uint8Array): Uint8Array;
  readonly correcting: Correcting;
  /** A reading was corrected: whoever sees the patient looks again. */
  onCorrected(patient: Patient): void;
  /** Registers what must end before the server can close; the answer takes it back. */
  onClose(end: () => void): () => void;
}

/** Requests are small; the largest is a consent event. */
const MAX_BODY_OCTETS = 64 * 1024;

export async function buildApp(deps: AppDeps): Promise<FastifyInstance> {
  // No request log: URLs and bodies may say something of a patient.
  const options = { logger: false, bodyLimit: MAX_BODY_OCTETS, forceCloseConnections: true } as const;
  const https = deps.tls && { cert: deps.tls.cert, key: deps.tls.key, minVersion: 'TLSv1.2' as const };
  const app = (https ? Fastify({ ...options, https }) : Fastify(options)) as FastifyInstance;
  await app.register(cookie);
  app.addHook('onSend', async (_request, reply) => {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) if (!reply.hasHeader(name)) reply.header(name, value);
  });
  app.setErrorHandler((error, request, reply) => answerFault(error, request, reply, deps.counters));
  app.setNotFoundHandler((request, reply) => answerFault(undefined, request, reply, deps.counters));
  // No counts: with few patients, how much was filed says something of one of them.
  app.get('/health', () => ({ status: 'ok' }));
  addAgentRoutes(app, deps);
  addLogRoutes(app, deps);
  addPatientRoutes(app, deps);
  addCorrectionRoutes(app, deps);
  addErasureRoutes(app, deps);
  addPairingRoutes(app, deps);
  addClinicRoutes(app, deps);
  addFeedRoutes(app, deps);
  addFhirRoutes(app, deps);
  await addPageRoutes(app, deps);
  return app;
}

const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "font-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};
