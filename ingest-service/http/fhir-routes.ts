/**
 * FHIR R4 over the record. Handlers are synchronous from the consent decision to the answer, so that no revocation can
 * come in between; "not there" and "not yours" are one answer.
 */
import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readHeader } from '../../protocol/batch.ts';
import { Fault } from '../../protocol/fault.ts';
import type { SearchPage } from '../fhir/bundle.ts';
import { toHistory, toSearchset } from '../fhir/bundle.ts';
import { toCapabilityStatement } from '../fhir/capability.ts';
import { toDevice, toGateway, toUndescribedDevice } from '../fhir/device.ts';
import { deviceIdOf, type Resource } from '../fhir/elements.ts';
import { FHIR_JSON, stringifyFhir } from '../fhir/json.ts';
import { toObservation } from '../fhir/observation.ts';
import { toPatient } from '../fhir/patient.ts';
import { toProvenance } from '../fhir/provenance.ts';
import { nextPageQuery, type ObservationQuery, parseObservationQuery } from '../fhir/search.ts';
import type { Identity } from '../identity.ts';
import { applyCorrection } from '../record/corrections.ts';
import type { FiledReading } from '../record/segments.ts';
import { refuseErased, requireIdentity } from './access.ts';
import type { AppDeps } from './app.ts';

const BASE = '/fhir/R4';
const VERSION: string = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

export function addFhirRoutes(app: FastifyInstance, { store, sight, sessions, clock }: AppDeps): void {
  const startedAt = clock();
  const baseOf = (request: FastifyRequest) => `${request.protocol}://${request.host}${BASE}`;
  const answer = (reply: FastifyReply, resource: object | undefined) => {
    if (resource === undefined) throw new Fault('not-found', 'no such resource');
    return reply.type(FHIR_JSON).send(stringifyFhir(resource));
  };
  const idOf = (request: FastifyRequest) => (request.params as { id: string }).id;

  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );

  app.get(`${BASE}/metadata`, (request, reply) =>
    answer(reply, toCapabilityStatement({ version: VERSION, date: startedAt, base: baseOf(request) })),
  );

  app.get(`${BASE}/Observation`, (request, reply) => {
    const at = request.url.indexOf('?');
    return search(request, reply, at < 0 ? '' : request.url.slice(at + 1));
  });

  // The same with nothing of the patient in the URL.
  app.post(`${BASE}/Observation/_search`, (request, reply) => search(request, reply, String(request.body ?? '')));

  app.get(`${BASE}/Observation/:id`, (request, reply) => {
    refuseErased(sessions, store, request, idOf(request));
    const who = requireIdentity(sessions, request);
    const reading = sight.read(who, idOf(request));
    return answer(reply, reading && observationOf(reading));
  });

  // FHIR R4 http.html §vread and §history: what the reading was before it was corrected.
  app.get(`${BASE}/Observation/:id/_history/:version`, (request, reply) => {
    const who = requireIdentity(sessions, request);
    const reading = sight.read(who, idOf(request));
    const { version } = request.params as { version: string };
    return answer(reply, reading && versionsOf(reading)[Number(version) - 1]?.());
  });

  app.get(`${BASE}/Observation/:id/_history`, (request, reply) => {
    const who = requireIdentity(sessions, request);
    const reading = sight.read(who, idOf(request));
    const resources = reading && versionsOf(reading).map((version) => version());
    return answer(reply, resources && toHistory(baseOf(request), resources.toReversed()));
  });

  app.get(`${BASE}/Provenance/:id`, (request, reply) => {
    refuseErased(sessions, store, request, idOf(request));
    const who = requireIdentity(sessions, request);
    const reading = sight.read(who, idOf(request));
    return answer(reply, reading && provenanceOf(reading));
  });

  app.get(`${BASE}/Patient/:id`, (request, reply) => {
    const who = requireIdentity(sessions, request);
    const patient = sight.findPatient(who, idOf(request));
    if (patient) sight.note(who, patient, 'read', [], 0);
    return answer(reply, patient && toPatient({ id: patient.id, ...store.patients.profile(patient) }));
  });

  app.get(`${BASE}/Device/:id`, (request, reply) => {
    const who = requireIdentity(sessions, request);
    return answer(reply, deviceOf(who, idOf(request)));
  });

  function search(request: FastifyRequest, reply: FastifyReply, text: string) {
    const who = requireIdentity(sessions, request);
    const query = parseObservationQuery(text);
    const { readings, next } = find(who, query);
    const page: SearchPage = {
      base: baseOf(request),
      query: text,
      type: 'Observation',
      resources: readings.map((reading) => observationOf(reading)),
      ...(next && { nextQuery: nextPageQuery(text, next) }),
    };
    return answer(reply, toSearchset(page));
  }

  function find(who: Identity, query: ObservationQuery) {
    const { patientId, vitals, ids, cursor, ...rest } = query;
    if (vitals?.length === 0) return { readings: [], next: undefined };
    return sight.search(who, {
      patient: patientId,
      vitals: vitals ?? [],
      ...rest,
      ...(ids && { ids }),
      ...(cursor && { cursor }),
    });
  }

  /** One for each version, the original first. */
  function versionsOf(reading: FiledReading): (() => Resource)[] {
    const { id, batch, index, salt, body, original = reading.leaf } = reading;
    const signed = { id, batch, index, salt, body, leaf: original };
    const kept = store.corrections.ofReading(contextOf(reading).patient, batch, index);
    const versions = [signed, ...kept.map((correction) => applyCorrection(signed, correction))];
    return versions.map((one, i) => () => observationOf(one, i + 1 < versions.length ? i + 2 : undefined));
  }

  function observationOf(reading: FiledReading, supersededBy?: number) {
    const { patient, batch } = contextOf(reading);
    const { leaf, correction } = reading;
    return toObservation({
      ...(correction && { correction }),
      ...(supersededBy !== undefined && { supersededBy }),
      readingId: reading.id,
      leaf,
      patientId: patient.id,
      deviceId: deviceIdOf(leaf.device),
      gatewayId: batch.agent,
      filedAt: correction?.at ?? batch.filedAt,
    });
  }

  function provenanceOf(reading: FiledReading) {
    const { batch } = contextOf(reading);
    return toProvenance({
      readingId: reading.id,
      batchId: batch.id,
      gatewayId: batch.agent,
      signedHeader: batch.signedHeader,
      signedAt: readHeader(batch.signedHeader).header.closedAt,
      filedAt: batch.filedAt,
      test: reading.leaf.test,
      ...(reading.correction && { correction: reading.correction }),
    });
  }

  function contextOf({ leaf, batch }: FiledReading) {
    const patient = store.patients.bySubject(leaf.subject);
    const filed = store.batches.get(batch);
    if (!patient || !filed) throw new Fault('inconsistent', 'a reading without its batch or patient');
    return { patient, batch: filed };
  }

  /** A wearable of which the requester may see a reading now, or the gateway of a patient whom they may know. */
  function deviceOf(who: Identity, id: string) {
    for (const patient of sight.patients(who)) {
      if (store.agents.agentsOf(patient.id).some((agent) => agent === id)) return toGateway(id);
      const reading = sight.latest(who, patient).find(({ leaf }) => deviceIdOf(leaf.device) === id);
      if (!reading) continue;
      const known = store.latest.device(patient.id, reading.leaf.device);
      const leaf = known && store.segments.leaf(patient, known.batch, known.leaf)?.leaf;
      sight.note(who, patient, 'read', [], 0);
      return leaf?.kind === 'device'
        ? toDevice(leaf, id, patient.id)
        : toUndescribedDevice(id, patient.id, reading.leaf.test);
    }
    return undefined;
  }
}
