/** FHIR R4 Patient. */
import { metaOf, type Resource } from './elements.ts';

export interface PatientInput {
  /** Record-local id; never the subject handle. */
  readonly id: string;
  /** As the patient gave it. */
  readonly name: string;
  /** `YYYY`, `YYYY-MM` or `YYYY-MM-DD` (FHIR R4 date). */
  readonly birthDate?: string;
  /** True for a simulated patient. */
  readonly test: boolean;
}

export interface Patient extends Resource {
  readonly resourceType: 'Patient';
  readonly id: string;
  readonly active: true;
  readonly name: readonly { readonly text: string }[];
  readonly birthDate?: string;
}

export function toPatient({ id, name, birthDate, test }: PatientInput): Patient {
  return {
    resourceType: 'Patient',
    id,
    ...metaOf({ test }),
    active: true,
    name: [{ text: name }],
    ...(birthDate !== undefined && { birthDate }),
  };
}
