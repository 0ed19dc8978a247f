/** The clinic's list and how messages of the feed change it. Pure. */
import type { ClinicPatient, FeedMessage } from '../shared/answers.ts';
import { lastHeardAt, markLogged, type ShownReading, takeReading } from '../shared/readings.ts';

export interface ShownPatient extends ClinicPatient {
  readonly latest: readonly ShownReading[];
}

/** A message about a patient who is not in the list changes nothing: who is in it comes only from the service. */
export function applyMessage(patients: readonly ShownPatient[], message: FeedMessage): readonly ShownPatient[] {
  if (message.type === 'changed') return patients;
  return patients.map((patient) => {
    if (patient.id !== message.patient) return patient;
    const { latest } = patient;
    return {
      ...patient,
      latest:
        message.type === 'reading'
          ? takeReading(latest, message.reading)
          : markLogged(latest, message.id, message.anchors),
    };
  });
}

/** By name, so that nobody moves while values change. */
export function sortPatients(patients: readonly ShownPatient[]): ShownPatient[] {
  return [...patients].sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
}

/** When anything of the patient was last heard, as far as it may be seen. */
export function contactAt({ lastContactAt, latest }: ShownPatient): number | undefined {
  const known = lastContactAt === undefined ? undefined : Date.parse(lastContactAt);
  const heard = lastHeardAt(latest);
  return known === undefined || heard === undefined ? (heard ?? known) : Math.max(known, heard);
}
