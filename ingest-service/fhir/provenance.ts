/** FHIR R4 Provenance: which gateway signed a reading, with its signature on the batch that holds it. */
import { encodeBase64 } from '../../protocol/bytes.ts';
import { formatInstant, type Instant } from '../../protocol/time.ts';
import { BATCH_SYSTEM, type CodeableConcept, type Coding, metaOf, type Reference, type Resource } from './elements.ts';

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
}

export interface Provenance extends Resource {
  readonly resourceType: 'Provenance';
  readonly id: string;
  readonly target: readonly Reference[];
  readonly recorded: string;
  readonly agent: readonly { readonly type: CodeableConcept; readonly who: Reference }[];
  readonly entity: readonly { readonly role: 'source'; readonly what: Reference }[];
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
  return {
    resourceType: 'Provenance',
    id: input.readingId,
    ...metaOf({ test: input.test, lastUpdated: input.filedAt }),
    target: [{ reference: `Observation/${input.readingId}` }],
    recorded: formatInstant(input.filedAt),
    agent: [
      {
        type: {
          coding: [{ system: 'http://terminology.hl7.org/CodeSystem/provenance-participant-type', code: 'assembler' }],
        },
        who,
      },
    ],
    entity: [{ role: 'source', what: { identifier: { system: BATCH_SYSTEM, value: input.batchId } } }],
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
