/** Every refusal of the FHIR API: HTTP status and OperationOutcome of a fault. One place, so that all answers look alike. */
import { type FaultCode, isFault } from '../../protocol/fault.ts';
import type { Resource } from './elements.ts';

export interface OperationOutcome extends Resource {
  readonly resourceType: 'OperationOutcome';
  readonly issue: readonly {
    readonly severity: 'error';
    /** FHIR R4 issue-type. */
    readonly code: string;
    readonly diagnostics: string;
  }[];
}

export interface Refusal {
  readonly status: number;
  readonly outcome: OperationOutcome;
}

const UNEXPECTED: Refusal = refusal(500, 'exception', 'The service failed.');
const UNAUTHENTICATED = refusal(401, 'login', 'Sign in first.');
const LATER = refusal(503, 'transient', 'The service is not ready; send the request again later.');

const BY_CODE: Partial<Record<FaultCode, Refusal>> = {
  // Also for what is there and not the requester's to see: the same answer, to the byte.
  'not-found': refusal(404, 'not-found', 'There is no such resource.'),
  // Told to nobody but the patient whose it was.
  erased: refusal(410, 'deleted', 'It was erased at the wish of its patient.'),
  // Who asks is not known or not proven; it says nothing about any resource.
  'not-permitted': UNAUTHENTICATED,
  'bad-signature': UNAUTHENTICATED,
  'wrong-key': UNAUTHENTICATED,
  expired: UNAUTHENTICATED,
  'unknown-agent': UNAUTHENTICATED,
  revoked: UNAUTHENTICATED,
  forked: UNAUTHENTICATED,
  frozen: LATER,
  'too-large': refusal(413, 'too-long', 'The request is too large.'),
  unavailable: LATER,
  missing: LATER,
};

/** Faults in what the client sent, whose message says what: messages never quote what was sent. */
const CLIENT_FAULTS: ReadonlySet<FaultCode> = new Set<FaultCode>(['malformed', 'not-canonical', 'range']);

/** The answer to anything thrown. What is no fault, or a fault of ours, tells the client nothing. */
export function refusalOf(error: unknown): Refusal {
  if (!isFault(error)) return UNEXPECTED;
  if (CLIENT_FAULTS.has(error.code)) return refusal(400, 'invalid', error.message);
  if (error.code === 'bad-chain') return refusal(409, 'conflict', error.message);
  return BY_CODE[error.code] ?? UNEXPECTED;
}

function refusal(status: number, code: string, diagnostics: string): Refusal {
  return {
    status,
    outcome: { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, diagnostics }] },
  };
}
