/** What a patient sees and does: devices, latest values, grants, disclosures, consent events, receipts, further keys. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { decodeBase64Url, encodeBase32, encodeBase64Url, encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { UNKNOWN_KEY } from '../../protocol/consent-chain.ts';
import { readConsentEvent } from '../../protocol/consent-event.ts';
import { assertPublicKey } from '../../protocol/ed25519.ts';
import { Fault } from '../../protocol/fault.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { formatInstant } from '../../protocol/time.ts';
import { DENIALS, describeReason } from '../consent/decide.ts';
import { receiptFor } from '../receipts.ts';
import type { Patient } from '../record/patients.ts';
import { viewReading } from '../views.ts';
import { refuseErased, requirePatient } from './access.ts';
import type { AppDeps } from './app.ts';
import { parseBody } from './body.ts';

const EventBody = z.strictObject({ event: z.string().max(8192) });
const KeyBody = z.strictObject({ publicKey: z.string().length(43), proof: z.string().length(43) });
const DisclosuresQuery = z.object({ before: z.coerce.number().int().min(1).optional() });
const ReceiptParams = z.object({ id: z.string().max(64) });

/** A browser's key that waits for the patient's first key to sign it in. */
interface KeyRequest {
  readonly publicKey: string;
  readonly proof: string;
}

const MAX_KEY_REQUESTS = 8;

export function addPatientRoutes(app: FastifyInstance, deps: AppDeps): void {
  const { store, sight, sessions, standingOf, receiptSources, appendConsent } = deps;
  const keyRequests = new Map<string, KeyRequest[]>();
  const me = (request: FastifyRequest) => requirePatient(sessions, store, request);

  app.get('/api/patient/overview', (request) => {
    const patient = me(request);
    const who = { role: 'patient', patient: patient.id } as const;
    return {
      name: store.patients.profile(patient).name,
      devices: devices(patient),
      latest: sight.latest(who, patient).map((reading) => viewReading(reading, standingOf(reading.batch))),
      readings: store.segments.countReadings(patient),
      grants: grants(patient),
      disclosures: disclosures(patient),
    };
  });

  app.get('/api/patient/consent', (request) => {
    const patient = me(request);
    const { seq, head, keys } = store.consents.state(patient);
    return {
      id: patient.id,
      subject: encodeBase64Url(patient.subject),
      publicKey: encodeBase64Url(patient.publicKey),
      seq,
      head: encodeBase64Url(head),
      keys: keys.filter(({ revokedAt }) => revokedAt === undefined).map((key) => encodeBase64Url(key.publicKey)),
      grants: grants(patient),
      events: store.consents.events(patient).map(encodeBase64Url),
      staff: store.patients.staffIds().map((id) => ({ id, ...describeStaff(id) })),
    };
  });

  // Newest first; `before` is the number of the last entry of the page before.
  app.get('/api/patient/disclosures', (request) => {
    const patient = me(request);
    const { before } = parseBody(DisclosuresQuery, request.query);
    return { disclosures: disclosures(patient, 1000, before) };
  });

  // An event speaks for itself: it is checked from the patient's key, whoever brings it.
  app.post('/api/consent/events', async (request, reply) => {
    const { event } = parseBody(EventBody, request.body);
    const signed = decodeBase64Url(event);
    const { subject, key, type, seq: last } = readConsentEvent(signed).event;
    const patient = store.patients.bySubject(subject);
    // Who is in the record is nobody's to find out: the answer is that to an event which the patient did not sign.
    if (!patient && equalBytes(subject, key)) throw new Fault('bad-signature', 'consent signature does not hold');
    if (!patient) throw new Fault('bad-chain', UNKNOWN_KEY);
    if (type === 'erase')
      return reply.code(201).send({ seq: last, erasure: encodeBase32(deps.erase(patient, signed)) });
    const { seq } = await appendConsent(patient, signed);
    return reply.code(201).send({ seq });
  });

  app.get('/api/patient/receipts/:id', async (request, reply) => {
    const { id } = parseBody(ReceiptParams, request.params);
    refuseErased(sessions, store, request, id);
    const patient = me(request);
    const reading = sight.read({ role: 'patient', patient: patient.id }, id, 'receipt');
    if (!reading) throw new Fault('not-found', 'no such reading');
    const receipt = encodeReceipt(await receiptFor(receiptSources, reading));
    return reply
      .type('application/json')
      .header('content-disposition', 'attachment; filename="receipt.json"')
      .send(receipt);
  });

  app.post('/api/patient/key-requests', (request, reply) => {
    const patient = me(request);
    const body = parseBody(KeyBody, request.body);
    assertPublicKey(decodeBase64Url(body.publicKey));
    const waiting = (keyRequests.get(patient.id) ?? []).filter(({ publicKey }) => publicKey !== body.publicKey);
    keyRequests.set(patient.id, [...waiting, body].slice(-MAX_KEY_REQUESTS));
    return reply.code(202).send({});
  });

  app.get('/api/patient/key-requests', (request) => {
    const patient = me(request);
    const active = store.consents.state(patient).keys.map((key) => encodeBase64Url(key.publicKey));
    const waiting = (keyRequests.get(patient.id) ?? []).filter(({ publicKey }) => !active.includes(publicKey));
    return { requests: waiting };
  });

  function devices(patient: Patient) {
    return store.latest.devices(patient.id).map(({ handle, batch, leaf }) => {
      const kept = store.segments.leaf(patient, batch, leaf)?.leaf;
      const device = kept?.kind === 'device' ? kept : undefined;
      return {
        id: encodeHex(handle),
        name: device?.name,
        manufacturer: device?.manufacturer,
        model: device?.model,
        serial: device?.serial,
        link: device?.link,
        heardAt: device && formatInstant(device.heardAt),
      };
    });
  }

  function grants(patient: Patient) {
    return store.consents.state(patient).grants.map(({ id, terms, grantedAt, revokedAt }) => ({
      id,
      action: terms.action,
      classes: terms.classes,
      ...(terms.action === 'disclose'
        ? { grantee: { id: terms.grantee, ...describeStaff(terms.grantee) }, purposes: terms.purposes }
        : { device: terms.device && encodeHex(terms.device) }),
      from: formatInstant(terms.period.from),
      to: terms.period.to === undefined ? undefined : formatInstant(terms.period.to),
      grantedAt: formatInstant(grantedAt),
      revokedAt: revokedAt === undefined ? undefined : formatInstant(revokedAt),
    }));
  }

  function disclosures(patient: Patient, limit = 50, before?: number) {
    sight.writeDenials();
    return store.disclosures.list(patient, limit, before).map((entry) => ({
      seq: entry.seq,
      at: formatInstant(entry.at),
      kind: entry.kind,
      role: entry.role,
      who: entry.role === 'practitioner' ? { id: entry.who, ...describeStaff(entry.who) } : { id: entry.who },
      purpose: entry.purpose,
      classes: entry.classes,
      count: entry.count,
      reason: entry.reason,
      why: DENIALS.filter((denial) => denial === entry.reason).map(describeReason)[0],
    }));
  }

  function describeStaff(id: string): { name?: string; occupation?: string } {
    const profile = store.patients.staff(id);
    return profile ? { name: profile.name, ...(profile.occupation && { occupation: profile.occupation }) } : {};
  }
}
