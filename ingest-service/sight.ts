/**
 * The one way on which readings leave: who may see what, and the patient's note of it, written before any byte does. To
 * the refused, "not yours" and "not there" are the same answer.
 */

import { parseReadingId } from '../protocol/batch.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import { vitalSignByMdc } from '../protocol/vital-signs.ts';
import { type Decision, type DiscloseRequest, decide, mayKnow, mightDisclose } from './consent/decide.ts';
import type { DisclosureKind } from './consent/disclosure.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { type Cursor, searchReadings } from './record/search.ts';
import { asReading, type FiledReading, type ReadingRange } from './record/segments.ts';

/** Who asks. A practitioner asks for treatment; other purposes come with other roles. */
export type Identity =
  | { readonly role: 'patient'; readonly patient: string }
  | { readonly role: 'practitioner'; readonly id: string; readonly purpose: string };

export interface SearchRequest extends ReadingRange {
  readonly patient: string;
  /** MDC codes; none: every vital sign. */
  readonly vitals: readonly number[];
  /** Reading ids: only those of them that the rest allows. */
  readonly ids?: readonly string[];
  readonly count: number;
  readonly cursor?: Cursor;
}

export interface SearchResult {
  readonly readings: readonly FiledReading[];
  /** Present when there may be more. */
  readonly next?: Cursor;
}

export type Sight = ReturnType<typeof createSight>;

export function createSight(store: RecordStore, clock: Clock) {
  function permit(who: Identity, patient: Patient, vital: number, measuredAt: Instant, at: Instant): Decision {
    const consent = store.consents.state(patient);
    if (who.role === 'patient') return decide(who.patient === patient.id ? consent : undefined, { action: 'own' });
    return decide(consent, { ...asDisclosure(who, vital, at), measuredAt });
  }

  function mightSee(who: Identity, patient: Patient, vital: number, at: Instant): boolean {
    if (who.role === 'patient') return who.patient === patient.id;
    return mightDisclose(store.consents.state(patient), asDisclosure(who, vital, at));
  }

  /** One note for a set of readings that are about to leave. */
  function noteShown(
    who: Identity,
    patient: Patient,
    kind: DisclosureKind,
    shown: readonly Shown[],
    at: Instant,
  ): void {
    store.disclosures.append(patient, {
      at,
      kind,
      ...asRequester(who),
      grants: [...new Set(shown.map(({ grant }) => grant))],
      classes: [...new Set(shown.map(({ reading }) => classOf(reading.leaf.vital)))],
      count: shown.length,
    });
  }

  function noteDenial(who: Identity, patient: Patient, reason: string, classes: readonly string[], at: Instant): void {
    store.disclosures.append(patient, {
      at,
      kind: 'denied',
      ...asRequester(who),
      grants: [],
      classes: [...classes],
      count: 0,
      reason,
    });
  }

  return {
    permit,

    /** May this person know that the patient exists? */
    knows(who: Identity, patient: Patient): boolean {
      if (who.role === 'patient') return who.patient === patient.id;
      return mayKnow(store.consents.state(patient), [who.id], who.purpose, clock());
    },

    /** The patients whom this person may know of. */
    patients(who: Identity): Patient[] {
      return store.patients.all().filter((patient) => this.knows(who, patient));
    },

    /** The patient with this id, for who may know of her; `undefined` for anybody else, which she sees in her list. */
    findPatient(who: Identity, id: string): Patient | undefined {
      const patient = store.patients.byId(id);
      if (!patient || this.knows(who, patient)) return patient;
      store.transaction(() => noteDenial(who, patient, 'no-grant', [], clock()));
      return undefined;
    },

    /** A page of readings. Nothing but an empty page tells a stranger from an empty record. */
    search(who: Identity, request: SearchRequest, kind: DisclosureKind = 'search'): SearchResult {
      const patient = store.patients.byId(request.patient);
      if (!patient) return { readings: [] };
      return store.transaction(() => {
        const at = clock();
        const vitals = request.vitals.length > 0 ? request.vitals : store.segments.vitalsOf(patient);
        const shown: Shown[] = [];
        let denial: string | undefined;
        let next: Cursor | undefined;
        const open = vitals.filter((vital) => mightSee(who, patient, vital, at));
        if (open.length === 0 && vitals[0] !== undefined) {
          const decision = permit(who, patient, vitals[0], at, at);
          if (!decision.permit) denial = decision.reason;
        }
        for (const reading of searchReadings(store.segments, patient, open, request, request.cursor)) {
          if (request.ids && !request.ids.includes(reading.id)) continue;
          const decision = permit(who, patient, reading.leaf.vital, reading.leaf.measuredAt, at);
          if (!decision.permit) {
            denial = decision.reason;
            continue;
          }
          if (shown.length === request.count) {
            const last = shown.at(-1)!.reading;
            next = { measuredAt: last.leaf.measuredAt, readingId: last.id };
            break;
          }
          shown.push({ reading, grant: decision.grant });
        }
        if (shown.length > 0) noteShown(who, patient, kind, shown, at);
        else if (denial !== undefined) noteDenial(who, patient, denial, vitals.map(classOf), at);
        return { readings: shown.map(({ reading }) => reading), ...(next && { next }) };
      });
    },

    /** One reading; `undefined` when it is not there or not to be seen. */
    read(who: Identity, readingId: string, kind: DisclosureKind = 'read'): FiledReading | undefined {
      const place = parseReadingId(readingId);
      const owner = place && store.segments.ownerOf(place.batch, place.index);
      const patient = owner && store.patients.byId(owner);
      if (!patient) return undefined;
      return store.transaction(() => {
        const at = clock();
        const kept = store.segments.leaf(patient, place.batch, place.index);
        if (kept?.leaf.kind !== 'reading') return undefined;
        const { vital, measuredAt } = kept.leaf;
        const decision = permit(who, patient, vital, measuredAt, at);
        if (!decision.permit) {
          noteDenial(who, patient, decision.reason, [classOf(vital)], at);
          return undefined;
        }
        const reading = asReading(place.batch, kept);
        noteShown(who, patient, kind, [{ reading, grant: decision.grant }], at);
        return reading;
      });
    },

    /** Newest reading of each vital sign and device that this person may see now. `kind` undefined: the caller notes. */
    latest(who: Identity, patient: Patient, kind?: DisclosureKind): FiledReading[] {
      return store.transaction(() => {
        const at = clock();
        const shown: Shown[] = [];
        for (const { vital, measuredAt, reading } of store.latest.readings(patient.id)) {
          const decision = permit(who, patient, vital, measuredAt, at);
          const place = parseReadingId(reading);
          const kept = decision.permit && place && store.segments.leaf(patient, place.batch, place.index);
          if (decision.permit && place && kept)
            shown.push({ reading: asReading(place.batch, kept), grant: decision.grant });
        }
        if (kind) noteShown(who, patient, kind, shown, at);
        return shown.map(({ reading }) => reading);
      });
    },

    /** Notes what is about to be shown where no single reading is meant; durable when it returns. */
    note(
      who: Identity,
      patient: Patient,
      kind: DisclosureKind,
      classes: readonly string[],
      count: number,
      grants: readonly string[] = [],
    ): void {
      const act = { at: clock(), kind, ...asRequester(who), grants, classes, count };
      store.transaction(() => store.disclosures.append(patient, act));
    },
  };
}

interface Shown {
  readonly reading: FiledReading;
  readonly grant: string;
}

/** Class of a vital sign as grants name it. */
export function classOf(vital: number): string {
  return vitalSignByMdc(vital)?.name ?? String(vital);
}

function asDisclosure(
  who: Extract<Identity, { role: 'practitioner' }>,
  vital: number,
  at: Instant,
): Omit<DiscloseRequest, 'measuredAt'> {
  const vitalClass = vitalSignByMdc(vital)?.name;
  return { action: 'disclose', grantees: [who.id], purpose: who.purpose, vitalClass, at };
}

function asRequester(who: Identity): { who: string; role: string; purpose: string } {
  return who.role === 'patient'
    ? { who: 'patient', role: 'patient', purpose: 'PATRQT' }
    : { who: who.id, role: 'practitioner', purpose: who.purpose };
}
