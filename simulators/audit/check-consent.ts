/**
 * Consent, decided anew by an outsider: from the events that the patient signed, in the order in which they and the batches
 * stand in the log. Record and log keep one order, so no clock has to be believed to tell what came first.
 */
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { type ConsentState, foldEvents } from '../../protocol/consent-chain.ts';
import { ALL_CLASSES, type ConsentEvent, type GrantTerms, readConsentEvent } from '../../protocol/consent-event.ts';
import type { Verify } from '../../protocol/cose.ts';
import { isFault } from '../../protocol/fault.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { vitalSignByMdc } from '../../protocol/vital-signs.ts';
import type { DisclosureView } from '../patient-client.ts';
import type { Check } from './check.ts';
import { placesOf } from './check-proofs.ts';
import type { PatientRecord } from './patient-record.ts';
import type { PublicLog } from './public-log.ts';

/** A grant with the places in the log between which it was in force. */
interface DatedGrant {
  readonly terms: GrantTerms;
  readonly givenAt: number;
  readonly endedAt: number;
  /** By the patient's clock. */
  readonly endedTime: number;
}

/** How far the clocks of patient and service may be apart. */
const CLOCKS_MS = 120_000;

export function checkConsent(
  check: Check,
  records: readonly PatientRecord[],
  log: PublicLog | undefined,
  verify: Verify,
): void {
  for (const record of records) {
    let state: ConsentState;
    try {
      state = foldEvents(record.subject, record.publicKey, record.events, verify);
    } catch (error) {
      if (!isFault(error)) throw error;
      check.wrong(`the consent events of a patient do not hold: ${error.code}`);
      continue;
    }
    const grants = log ? datedGrants(record.events, log) : grantsOf(state);
    for (const { id, observation, proven } of record.readings) {
      const leaf = proven?.verdict.reading;
      if (!leaf) continue;
      check.looked();
      const filedAt = Date.parse(observation.meta.lastUpdated);
      const place = log ? (placesOf(log, 'batch', proven.header.id)[0] ?? Number.POSITIVE_INFINITY) : proven.logIndex;
      if (!grants.some((grant) => allowsCollecting(grant, leaf, filedAt, place))) {
        check.wrong(`reading ${id} was filed, and no grant of the patient was in force that allows it`);
      }
    }
    for (const entry of record.disclosures) {
      if (entry.role !== 'practitioner' || entry.count === 0 || entry.kind === 'denied' || entry.kind === 'feed-close')
        continue;
      check.looked();
      if (!entry.classes.every((name) => grants.some((grant) => allowsShowing(grant, entry, name)))) {
        check.wrong(`disclosure ${entry.seq} shows what no grant of the patient allowed then`);
      }
    }
  }
}

function allowsCollecting({ terms, givenAt, endedAt }: DatedGrant, leaf: ReadingLeaf, filedAt: number, place: number) {
  if (terms.action !== 'collect' || !(givenAt < place && place < endedAt)) return false;
  const { period, classes, device, dataFrom, dataTo } = terms;
  const name = vitalSignByMdc(leaf.vital)?.name;
  return (
    name !== undefined &&
    (classes.includes(name) || classes.includes(ALL_CLASSES)) &&
    (device === undefined || equalBytes(device, leaf.device)) &&
    filedAt >= period.from - CLOCKS_MS &&
    (period.to === undefined || filedAt < period.to + CLOCKS_MS) &&
    (dataFrom === undefined || leaf.measuredAt >= dataFrom) &&
    (dataTo === undefined || leaf.measuredAt < dataTo)
  );
}

function allowsShowing({ terms, endedTime }: DatedGrant, { who, purpose, at }: DisclosureView, name: string) {
  if (terms.action !== 'disclose' || terms.grantee !== who.id || !terms.purposes.includes(purpose)) return false;
  const shownAt = Date.parse(at);
  return (
    (terms.classes.includes(name) || terms.classes.includes(ALL_CLASSES)) &&
    shownAt >= terms.period.from - CLOCKS_MS &&
    (terms.period.to === undefined || shownAt < terms.period.to + CLOCKS_MS) &&
    shownAt < endedTime + CLOCKS_MS
  );
}

function datedGrants(events: readonly Uint8Array[], log: PublicLog): DatedGrant[] {
  const grants = new Map<string, DatedGrant>();
  const end = (key: string, endedAt: number, { at }: ConsentEvent) => {
    const grant = grants.get(key);
    if (grant && grant.endedAt === Number.POSITIVE_INFINITY) grants.set(key, { ...grant, endedAt, endedTime: at });
  };
  for (const signed of events) {
    const { event, id } = readConsentEvent(signed);
    // What is not in the log yet came after everything that is.
    const place = placesOf(log, 'consent', id)[0] ?? log.size;
    if (event.type === 'grant') {
      const never = Number.POSITIVE_INFINITY;
      grants.set(encodeHex(event.grant), { terms: event.terms, givenAt: place, endedAt: never, endedTime: never });
    } else if (event.type === 'revoke') end(encodeHex(event.grant), place, event);
    else if (event.type === 'revoke-all') for (const key of grants.keys()) end(key, place, event);
  }
  return [...grants.values()];
}

/** Without a log only that there was such a grant can be told. */
function grantsOf({ grants }: ConsentState): DatedGrant[] {
  const never = Number.POSITIVE_INFINITY;
  return grants.map(({ terms, revokedAt }) => ({ terms, givenAt: -1, endedAt: never, endedTime: revokedAt ?? never }));
}
