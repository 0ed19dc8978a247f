/** FHIR R4 Provenance: which gateway signed a reading, with its signature on the batch that holds it. */
import { encodeBase64 } from '../../protocol/bytes.ts';
import { formatInstant, type Instant } from '../../protocol/time.ts';
import {
  BATCH_SYSTEM,
  CANONICAL,
  type CodeableConcept,
  type Coding,
  metaOf,
  type Reference,
  type Resource,
} from './elements.ts';
import { versionOf } from './observation.ts';

export interface ProvenanceInput {
  /** Observation.id; also Provenance.id, since there is one of each. */
  readonly readingId: string;
  /** Text form of the batch id. */
  readonly batchId: string;
  /** Device.id of the gateway: the agent id. */
  readonly gatewayId: string;
  /** COSE_Sign1 of the batch header. */
  readonly signedHeader: Uint8Array;
  /** Gateway clock when the batch was closed and signed. */
  readonly signedAt: Instant;
  readonly filedAt: Instant;
  readonly test: boolean;
  /** What corrected the reading; absent where it stands as it was signed. */
  readonly correction?: {
    readonly act: 'amend' | 'withdraw';
    readonly reason: string;
    readonly by: string;
    readonly at: Instant;
    readonly version: number;
  };
}

export interface Provenance extends Resource {
  readonly resourceType: 'Provenance';
  readonly id: string;
  readonly target: readonly Reference[];
  readonly recorded: string;
  readonly agent: readonly { readonly type: CodeableConcept; readonly who: Reference }[];
  readonly entity: readonly { readonly role: 'source' | 'revision'; readonly what: Reference }[];
  readonly reason?: readonly CodeableConcept[];
  readonly activity?: CodeableConcept;
  readonly signature: readonly {
    readonly type: readonly Coding[];
    readonly when: string;
    readonly who: Reference;
    readonly targetFormat: string;
    readonly sigFormat: string;
    readonly data: string;
  }[];
}

/** The signature covers the batch's root, not this resource; a receipt shows how the reading leads to that root. */
export function toProvenance(input: ProvenanceInput): Provenance {
  const who = { reference: `Device/${input.gatewayId}` };
  const { correction } = input;
  return {
    resourceType: 'Provenance',
    id: input.readingId,
    ...metaOf({ test: input.test, lastUpdated: input.filedAt }),
    target: [{ reference: `Observation/${input.readingId}` }],
    recorded: formatInstant(correction?.at ?? input.filedAt),
    ...(correction && lineageOf(correction)),
    agent: [
      {
        type: {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'assembler' }],
        },
        who,
      },
      ...(correction ? [authorOf(correction.by, who)] : []),
    ],
    entity: [
      { role: 'source', what: { identifier: { system: BATCH_SYSTEM, value: input.batchId } } },
      ...(correction
        ? [{ role: 'revision' as const, what: { reference: versionOf(input.readingId, correction.version - 1) } }]
        : []),
    ],
    signature: [
      {
        // ASTM E1762: source signature, by a device for content that it did not author.
        type: [{ system: 'urn:iso-astm:E1762-95:2013', code: '1.2.840.10065.1.12.1.14', display: 'Source Signature' }],
        when: formatInstant(input.signedAt),
        who,
        targetFormat: 'application/cbor',
        sigFormat: 'application/cose',
        data: encodeBase64(input.signedHeader),
      },
    ],
  };
}

/** FHIR R4 Provenance.activity, v3 DataOperation: what was done to the version before, and why. */
function lineageOf({ act, reason }: NonNullable<ProvenanceInput['correction']>) {
  const system = 'http://terminology.hl7.org/CodeSystem/v3-DataOperation';
  return {
    reason: [{ coding: [{ system: `${CANONICAL}/correction-reason`, code: reason }] }],
    activity: { coding: [{ system, code: act === 'withdraw' ? 'NULLIFY' : 'UPDATE' }] },
  };
}

/** Who found it out; the service knows a patient or practitioner by role here, and the Provenance names no person. */
function authorOf(by: string, gateway: Reference): Provenance['agent'][number] {
  const system = 'http://terminology.hl7.org/CodeSystem/provenance-participant-type';
  const who = by === 'agent' ? gateway : { display: by };
  return { type: { coding: [{ system, code: 'author' }] }, who };
}
