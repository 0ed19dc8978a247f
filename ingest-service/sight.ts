/**
 * The one way on which readings leave: who may see what, and the patient's note of it, written before any byte does. To
 * the refused, "not yours" and "not there" are the same answer.
 */

import { parseReadingId } from '../protocol/batch.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import { type DataPeriod, type Decision, decide, disclosablePeriod, mayKnow } from './consent/decide.ts';
import type { DisclosureAct, DisclosureKind } from './consent/disclosure.ts';
import { asDisclosure, asRequester, classOf, type Identity } from './identity.ts';
import { applyCorrection } from './record/corrections.ts';
import type { Patient } from './record/patients.ts';
import type { RecordStore } from './record/record-sqlite.ts';
import { type Cursor, type SearchedVital, searchReadings } from './record/search.ts';
import { asReading, compareReadings, type FiledReading, type ReadingRange } from './record/segments.ts';

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
  const denials: { readonly patient: Patient; readonly act: DisclosureAct }[] = [];

  function permit(who: Identity, patient: Patient, vital: number, measuredAt: Instant, at: Instant): Decision {
    const consent = store.consents.state(patient);
    if (who.role === 'patient') return decide(who.patient === patient.id ? consent : undefined, { action: 'own' });
    return decide(consent, { ...asDisclosure(who, vital, at), measuredAt });
  }

  /** A reading whose time was amended is shown to who may see it at either time: a correction lets nobody see more. */
  function permitReading(who: Identity, patient: Patient, { leaf, original }: FiledReading, at: Instant): Decision {
    const decision = permit(who, patient, leaf.vital, leaf.measuredAt, at);
    if (!decision.permit || !original || original.measuredAt === leaf.measuredAt) return decision;
    const before = permit(who, patient, original.vital, original.measuredAt, at);
    return before.permit ? decision : before;
  }

  /** Outside of it there is nothing for this person to see; `undefined`: nowhere. */
  function sightOf(who: Identity, patient: Patient, vital: number, at: Instant): DataPeriod | undefined {
    if (who.role === 'patient') return who.patient === patient.id ? {} : undefined;
    return disclosablePeriod(store.consents.state(patient), asDisclosure(who, vital, at));
  }

  /** One note for a set of readings that are about to leave; durable when it returns. */
  function noteShown(
    who: Identity,
    patient: Patient,
    kind: DisclosureKind,
    shown: readonly Shown[],
    at: Instant,
  ): void {
    const act = {
      at,
      kind,
      ...asRequester(who),
      grants: [...new Set(shown.map(({ grant }) => grant))],
      classes: [...new Set(shown.map(({ reading }) => classOf(reading.leaf.vital)))],
      count: shown.length,
    };
    store.transaction(() => store.disclosures.append(patient, act));
  }

  /**
   * A denial shows nothing, so it need not be durable before the answer; and must not, because the time of a write would
   * tell the refused that there is somebody to refuse for.
   */
  function noteDenial(who: Identity, patient: Patient, reason: string, classes: readonly string[], at: Instant): void {
    const act = {
      at,
      kind: 'denied',
      ...asRequester(who),
      grants: [],
      classes: [...classes],
      count: 0,
      reason,
    } as const;
    if (denials.length < MAX_DENIALS) denials.push({ patient, act });
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
      noteDenial(who, patient, 'no-grant', [], clock());
      return undefined;
    },

    /** A page of readings. Nothing but an empty page tells a stranger from an empty record. */
    search(who: Identity, request: SearchRequest, kind: DisclosureKind = 'search'): SearchResult {
      const patient = store.patients.byId(request.patient);
      if (!patient) return { readings: [] };
      const at = clock();
      const vitals = request.vitals.length > 0 ? request.vitals : store.segments.vitalsOf(patient);
      const searched = vitals.flatMap((vital): SearchedVital[] => {
        const period = sightOf(who, patient, vital, at);
        return period ? [{ vital, ...intersect(request, period) }] : [];
      });
      const { shown, next } = page(who, patient, request, candidates(patient, request, searched), at);
      if (shown.length > 0) {
        noteShown(who, patient, kind, shown, at);
      } else if (searched.length === 0 && vitals[0] !== undefined) {
        const decision = permit(who, patient, vitals[0], at, at);
        if (!decision.permit) noteDenial(who, patient, decision.reason, vitals.map(classOf), at);
      }
      return { readings: shown.map(({ reading }) => reading), ...(next && { next }) };
    },

    /** One reading; `undefined` when it is not there or not to be seen. */
    read(who: Identity, readingId: string, kind: DisclosureKind = 'read'): FiledReading | undefined {
      const place = parseReadingId(readingId);
      const owner = place && store.segments.ownerOf(place.batch, place.index);
      const patient = owner && store.patients.byId(owner);
      const reading = patient && readingAt(patient, readingId);
      if (!patient || !reading) return undefined;
      const at = clock();
      const decision = permitReading(who, patient, reading, at);
      if (!decision.permit) {
        noteDenial(who, patient, decision.reason, [classOf(reading.leaf.vital)], at);
        return undefined;
      }
      noteShown(who, patient, kind, [{ reading, grant: decision.grant }], at);
      return reading;
    },

    /** Newest reading of each vital sign and device that this person may see now. `kind` undefined: the caller notes. */
    latest(who: Identity, patient: Patient, kind?: DisclosureKind): FiledReading[] {
      const at = clock();
      const shown = store.latest.readings(patient.id).flatMap(({ vital, measuredAt, reading: id }): Shown[] => {
        if (!permit(who, patient, vital, measuredAt, at).permit) return [];
        const reading = readingAt(patient, id);
        const decision = reading && permitReading(who, patient, reading, at);
        return decision?.permit ? [{ reading: reading!, grant: decision.grant }] : [];
      });
      if (kind) noteShown(who, patient, kind, shown, at);
      return shown.map(({ reading }) => reading);
    },

    /** A patient is no more: of what was denied of them nothing is noted. */
    forget(patient: Patient): void {
      const others = denials.filter((one) => one.patient.id !== patient.id);
      denials.splice(0, denials.length, ...others);
    },

    /** Makes the denials since the last time durable. */
    writeDenials(): void {
      if (denials.length === 0) return;
      store.transaction(() => {
        for (const { patient, act } of denials) store.disclosures.append(patient, act);
      });
      denials.length = 0;
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

  function readingAt(patient: Patient, id: string): FiledReading | undefined {
    const place = parseReadingId(id);
    const kept = place && store.segments.leaf(patient, place.batch, place.index);
    if (kept?.leaf.kind !== 'reading') return undefined;
    const corrections = store.corrections.ofReading(patient, place!.batch, place!.index);
    return applyCorrection(asReading(place!.batch, kept), corrections.at(-1));
  }

  /** What a search may find, in order; named readings are looked up, not searched for. */
  function candidates(
    patient: Patient,
    { ids, sort, cursor }: SearchRequest,
    searched: readonly SearchedVital[],
  ): Iterable<FiledReading> {
    if (!ids) return searchReadings(store, patient, searched, sort, cursor);
    const sign = sort === 'asc' ? 1 : -1;
    return [...new Set(ids)]
      .flatMap((id) => readingAt(patient, id) ?? [])
      .filter(({ leaf }) => searched.some((one) => one.vital === leaf.vital && isWithin(one, leaf.measuredAt)))
      .sort((a, b) => sign * compareReadings(a, b));
  }

  function page(
    who: Identity,
    patient: Patient,
    { count }: SearchRequest,
    readings: Iterable<FiledReading>,
    at: Instant,
  ): { readonly shown: readonly Shown[]; readonly next?: Cursor } {
    const shown: Shown[] = [];
    for (const reading of readings) {
      const decision = permitReading(who, patient, reading, at);
      if (!decision.permit) continue;
      const last = shown.at(-1)?.reading;
      if (last && shown.length === count) {
        return { shown, next: { measuredAt: last.leaf.measuredAt, readingId: last.id } };
      }
      shown.push({ reading, grant: decision.grant });
    }
    return { shown };
  }
}

/** Denials that wait to be written; a flood must not fill the memory. */
const MAX_DENIALS = 10_000;

function intersect(a: DataPeriod, b: DataPeriod): DataPeriod {
  const from = [a.from, b.from].filter((bound) => bound !== undefined);
  const to = [a.to, b.to].filter((bound) => bound !== undefined);
  return {
    ...(from.length > 0 && { from: Math.max(...from) }),
    ...(to.length > 0 && { to: Math.min(...to) }),
  };
}

function isWithin({ from, to }: DataPeriod, at: Instant): boolean {
  return (from === undefined || at >= from) && (to === undefined || at < to);
}

interface Shown {
  readonly reading: FiledReading;
  readonly grant: string;
}
