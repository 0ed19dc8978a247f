/** What a clinician sees: the patients who let them, the newest values, and how far each is proven. */
import type { FastifyInstance } from 'fastify';
import { Fault } from '../../protocol/fault.ts';
import { formatInstant } from '../../protocol/time.ts';
import { viewReading } from '../views.ts';
import { requireIdentity } from './access.ts';
import type { AppDeps } from './app.ts';

export function addClinicRoutes(app: FastifyInstance, { store, sight, sessions, standingOf }: AppDeps): void {
  app.get('/api/clinic/patients', (request) => {
    const who = requireIdentity(sessions, request);
    if (who.role !== 'practitioner') throw new Fault('not-found', 'no such page');
    const patients = sight.patients(who).map((patient) => {
      const latest = sight.latest(who, patient, 'list').map((reading) => ({
        ...viewReading(reading, standingOf(reading.batch)),
      }));
      const heard = latest.map(({ heardAt }) => Date.parse(heardAt));
      return {
        id: patient.id,
        name: store.patients.profile(patient).name,
        latest,
        ...(heard.length > 0 && { lastContactAt: formatInstant(Math.max(...heard)) }),
      };
    });
    return { patients };
  });
}
