/** FHIR R4 CapabilityStatement: what this server does, and no more. */
import { formatInstant, type Instant } from '../../protocol/time.ts';
import { CANONICAL, type Resource } from './elements.ts';
import { OBSERVATION_PARAMETERS } from './search.ts';

export interface CapabilityInput {
  /** Version of the software. */
  readonly version: string;
  /** When what the server does last changed, or when it started. */
  readonly date: Instant;
  /** Base of the API. */
  readonly base: string;
}

/** Answer to `GET metadata`. */
export function toCapabilityStatement({ version, date, base }: CapabilityInput): Resource & Record<string, unknown> {
  const readOnly = (type: string) => ({ type, interaction: [{ code: 'read' }] });
  return {
    resourceType: 'CapabilityStatement',
    url: `${CANONICAL}/CapabilityStatement/veravita`,
    version,
    name: 'Veravita',
    status: 'active',
    date: formatInstant(date),
    kind: 'instance',
    software: { name: 'Veravita', version },
    implementation: { description: 'Vital signs of consenting patients, provable to anyone', url: base },
    fhirVersion: '4.0.1',
    format: ['application/fhir+json'],
    rest: [
      {
        mode: 'server',
        security: {
          description:
            'Every answer is filtered by the signed consent of the patient, and disclosed to the patient. What may not ' +
            'be seen is answered as if it were not there.',
        },
        resource: [
          {
            type: 'Observation',
            supportedProfile: ['heartrate', 'bp', 'bodytemp', 'oxygensat', 'vitalsigns'].map(
              (profile) => `http://hl7.org/fhir/StructureDefinition/${profile}`,
            ),
            interaction: [{ code: 'read' }, { code: 'vread' }, { code: 'history-instance' }, { code: 'search-type' }],
            searchParam: OBSERVATION_PARAMETERS,
          },
          readOnly('Patient'),
          readOnly('Device'),
          readOnly('Provenance'),
        ],
      },
    ],
  };
}
