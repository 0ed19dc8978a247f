/**
 * May this be done? Pure, deny by default, and every denial says why. It is asked at the gate, inside the filing
 * transaction, for every reading that leaves, and for every message of an open feed.
 */
import { equalBytes } from '../../protocol/bytes.ts';
import type { ConsentState, Grant } from '../../protocol/consent-chain.ts';
import { ALL_CLASSES, type DiscloseTerms, type Period } from '../../protocol/consent-event.ts';
import type { Instant } from '../../protocol/time.ts';

/** May the service take and keep this reading? */
export interface CollectRequest {
  readonly action: 'collect';
  /** Device handle, 16 octets. */
  readonly device: Uint8Array;
  /** Name of the vital sign; `undefined` for one that the table does not know, which nothing permits. */
  readonly vitalClass: string | undefined;
  readonly measuredAt: Instant;
  /** Now. */
  readonly at: Instant;
}

/** May this requester see this reading? */
export interface DiscloseRequest {
  readonly action: 'disclose';
  /** Every identity of the requester: the person and the organizations that person acts for. */
  readonly grantees: readonly string[];
  /** HL7 v3 PurposeOfUse code. */
  readonly purpose: string;
  readonly vitalClass: string | undefined;
  readonly measuredAt: Instant;
  readonly at: Instant;
}

/** The patient looks at her own record; that it is she is for the caller to know. */
export interface OwnRequest {
  readonly action: 'own';
}

export type ConsentRequest = CollectRequest | DiscloseRequest | OwnRequest;

/** From the farthest miss to the nearest: of several grants that fail, the nearest miss is the reason. */
export const DENIALS = [
  'no-patient',
  'no-grant',
  'other-grantee',
  'other-device',
  'other-class',
  'other-purpose',
  'revoked',
  'not-yet',
  'expired',
  'outside-data-period',
] as const;
export type Denial = (typeof DENIALS)[number];

/** `grant` is the id of the grant that permits, {@link OWN} for the patient; `epoch` as in {@link ConsentState}. */
export type Decision =
  | { readonly permit: true; readonly grant: string; readonly epoch: number }
  | { readonly permit: false; readonly reason: Denial; readonly epoch: number };

/** In place of a grant id where the patient acts for herself. */
export const OWN = 'own';

/** Permits when one grant fits in every respect; the oldest such grant is named. `undefined`: no such patient. */
export function decide(state: ConsentState | undefined, request: ConsentRequest): Decision {
  if (state === undefined) return { permit: false, reason: 'no-patient', epoch: 0 };
  const { epoch } = state;
  if (request.action === 'own') return { permit: true, grant: OWN, epoch };
  let nearest: Denial = 'no-grant';
  for (const grant of state.grants) {
    const missed = misses(grant, request);
    if (missed === undefined) return { permit: true, grant: grant.id, epoch };
    if (DENIALS.indexOf(missed) > DENIALS.indexOf(nearest)) nearest = missed;
  }
  return { permit: false, reason: nearest, epoch };
}

/**
 * May the requester know that this patient exists: is any disclose grant to one of the identities in force now, for the
 * purpose? It permits no reading.
 */
export function mayKnow(
  state: ConsentState | undefined,
  grantees: readonly string[],
  purpose: string,
  at: Instant,
): boolean {
  if (state === undefined) return false;
  return state.grants.some(
    (grant) =>
      grant.terms.action === 'disclose' &&
      names(grant.terms, grantees) &&
      grant.terms.purposes.includes(purpose) &&
      notInForce(grant, at) === undefined,
  );
}

/** Half-open; a bound that is absent does not bind. */
export interface DataPeriod {
  readonly from?: Instant;
  readonly to?: Instant;
}

/**
 * Outside of it, no reading of this vital sign can be shown, whenever it was measured; `undefined`: none at all. What
 * lies outside need not even be opened; what lies inside is still decided reading by reading.
 */
export function disclosablePeriod(
  state: ConsentState | undefined,
  request: Omit<DiscloseRequest, 'measuredAt'>,
): DataPeriod | undefined {
  const grants = (state?.grants ?? []).filter((grant) => missesApart(grant, request) === undefined);
  if (grants.length === 0) return undefined;
  const from = grants.map(({ terms }) => terms.dataFrom ?? Number.NEGATIVE_INFINITY);
  const to = grants.map(({ terms }) => terms.dataTo ?? Number.POSITIVE_INFINITY);
  return { ...finite('from', Math.min(...from)), ...finite('to', Math.max(...to)) };
}

function finite<K extends string>(name: K, bound: number): { [P in K]?: Instant } {
  return Number.isFinite(bound) ? ({ [name]: bound } as { [P in K]: Instant }) : {};
}

type Undated<R> = R extends unknown ? Omit<R, 'measuredAt'> : never;

/** The first respect in which a grant does not fit a request, in the order of {@link DENIALS}. */
function misses(grant: Grant, request: CollectRequest | DiscloseRequest): Denial | undefined {
  const missed = missesApart(grant, request);
  if (missed !== undefined) return missed;
  const { dataFrom, dataTo } = grant.terms;
  // Negated, here and below, so that an instant that is not a number falls outside.
  if (dataFrom !== undefined && !(request.measuredAt >= dataFrom)) return 'outside-data-period';
  return dataTo !== undefined && !(request.measuredAt < dataTo) ? 'outside-data-period' : undefined;
}

/** The same, apart from when it was measured. */
function missesApart(grant: Grant, request: Undated<CollectRequest | DiscloseRequest>): Denial | undefined {
  const { terms } = grant;
  if (terms.action === 'disclose') {
    if (request.action !== 'disclose') return 'no-grant';
    if (!names(terms, request.grantees)) return 'other-grantee';
  } else {
    if (request.action !== 'collect') return 'no-grant';
    if (terms.device !== undefined && !equalBytes(terms.device, request.device)) return 'other-device';
  }
  const { vitalClass } = request;
  if (vitalClass === undefined) return 'other-class';
  if (!terms.classes.includes(vitalClass) && !terms.classes.includes(ALL_CLASSES)) return 'other-class';
  if (terms.action === 'disclose' && request.action === 'disclose' && !terms.purposes.includes(request.purpose)) {
    return 'other-purpose';
  }
  return notInForce(grant, request.at);
}

function names(terms: DiscloseTerms, grantees: readonly string[]): boolean {
  return grantees.includes(terms.grantee);
}

function notInForce({ terms, revokedAt }: Grant, at: Instant): 'revoked' | 'not-yet' | 'expired' | undefined {
  if (revokedAt !== undefined) return 'revoked';
  const { from, to }: Period = terms.period;
  if (!(at >= from)) return 'not-yet';
  return to !== undefined && !(at < to) ? 'expired' : undefined;
}

const REASONS: Readonly<Record<Denial, string>> = {
  'no-patient': 'There is no such patient.',
  'no-grant': 'The patient has granted nothing of this kind.',
  'other-grantee': 'The patient has granted this to others.',
  'other-device': 'The grant is for another device.',
  'other-class': 'The grant is for other vital signs.',
  'other-purpose': 'The grant is for another purpose.',
  'outside-data-period': 'The grant is for readings of another time.',
  revoked: 'The patient has revoked the grant.',
  'not-yet': 'The grant does not hold yet.',
  expired: 'The grant holds no more.',
};

/** A sentence for the patient and for operators. Never for the refused: it would tell what is there. */
export function describeReason(reason: Denial): string {
  return REASONS[reason];
}
