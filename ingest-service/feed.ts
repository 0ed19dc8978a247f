/**
 * Live readings to those who may see them. Consent is asked for every message in the tick in which it is sent; the
 * patient's note is written before the first message of each interval.
 */

import type { Clock, Instant } from '../protocol/time.ts';
import type { Filing } from './file-batch.ts';
import type { Patient } from './record/patients.ts';
import type { FiledReading } from './record/segments.ts';
import { classOf, type Identity, type Sight } from './sight.ts';
import type { StandingOf } from './standing.ts';
import { type ReadingView, viewReading } from './views.ts';

export type FeedMessage =
  | { readonly type: 'reading'; readonly patient: string; readonly reading: ReadingView }
  /** A reading that was sent before is now covered by a signed checkpoint. */
  | { readonly type: 'logged'; readonly patient: string; readonly id: string }
  /** The list of patients, grants or disclosures is no longer what it was. */
  | { readonly type: 'changed' };

interface Subscriber {
  readonly who: Identity;
  readonly send: (message: FeedMessage) => void;
  /** Readings sent and not yet in the log, by id. */
  readonly unlogged: Map<string, { readonly patient: Patient; readonly reading: FiledReading }>;
  /** What the patient's list says of this feed, by patient. */
  readonly notes: Map<string, Note>;
}

interface Note {
  readonly patient: Patient;
  readonly at: Instant;
  readonly classes: Set<string>;
  readonly grants: Set<string>;
  /** Readings sent since. */
  count: number;
}

/** How long one note in the patient's list stands for the messages after it. */
const NOTE_INTERVAL_MS = 5 * 60_000;
const MAX_UNLOGGED = 1000;

export type Feed = ReturnType<typeof createFeed>;

export function createFeed(sight: Sight, standingOf: StandingOf, clock: Clock) {
  const subscribers = new Set<Subscriber>();

  function offer(subscriber: Subscriber, patient: Patient, reading: FiledReading): void {
    const { who, unlogged } = subscriber;
    const { vital, measuredAt } = reading.leaf;
    const decision = sight.permit(who, patient, vital, measuredAt, clock());
    if (!decision.permit) return;
    // The patient's own page is not noted: it would fill the list in which she looks for others.
    if (who.role !== 'patient') noteBefore(subscriber, patient, classOf(vital), decision.grant).count++;
    const standing = standingOf(reading.batch);
    if (!standing.inLog) {
      unlogged.set(reading.id, { patient, reading });
      if (unlogged.size > MAX_UNLOGGED) unlogged.delete(unlogged.keys().next().value!);
    }
    subscriber.send({ type: 'reading', patient: patient.id, reading: viewReading(reading, standing) });
  }

  /** The note under which the next message goes out, written now unless the last one says all of it and is fresh. */
  function noteBefore({ who, notes }: Subscriber, patient: Patient, vitalClass: string, grant: string): Note {
    const last = notes.get(patient.id);
    const at = clock();
    const fresh = last && at - last.at < NOTE_INTERVAL_MS ? last : undefined;
    if (fresh?.classes.has(vitalClass) && fresh.grants.has(grant)) return fresh;
    const note: Note = {
      patient,
      at: fresh?.at ?? at,
      classes: new Set(fresh?.classes).add(vitalClass),
      grants: new Set(fresh?.grants).add(grant),
      count: 0,
    };
    sight.note(who, patient, last ? 'feed' : 'feed-open', [...note.classes], last?.count ?? 0, [...note.grants]);
    notes.set(patient.id, note);
    return note;
  }

  return {
    /** Opens a feed; the answer closes it. */
    open(who: Identity, send: (message: FeedMessage) => void): () => void {
      const subscriber: Subscriber = { who, send, unlogged: new Map(), notes: new Map() };
      subscribers.add(subscriber);
      return () => {
        if (!subscribers.delete(subscriber)) return;
        for (const { patient, classes, grants, count } of subscriber.notes.values()) {
          sight.note(who, patient, 'feed-close', [...classes], count, [...grants]);
        }
      };
    },

    /** After filing: the newest reading of each vital sign and device goes out; a page needs no more. */
    filed({ filed }: Filing): void {
      if (subscribers.size === 0) return;
      const newest = new Map<string, { patient: Patient; reading: FiledReading }>();
      for (const item of filed) {
        const key = `${item.patient.id} ${item.reading.leaf.vital} ${item.reading.leaf.device}`;
        const known = newest.get(key);
        if (!known || known.reading.leaf.measuredAt <= item.reading.leaf.measuredAt) newest.set(key, item);
      }
      for (const subscriber of subscribers) {
        for (const { patient, reading } of newest.values()) offer(subscriber, patient, reading);
      }
    },

    /** After commitments learned their place in the log. */
    logged(): void {
      for (const { who, send, unlogged } of subscribers) {
        for (const [id, { patient, reading }] of unlogged) {
          if (!standingOf(reading.batch).inLog) continue;
          unlogged.delete(id);
          const { vital, measuredAt } = reading.leaf;
          if (sight.permit(who, patient, vital, measuredAt, clock()).permit)
            send({ type: 'logged', patient: patient.id, id });
        }
      }
    },

    /** A patient's consent changed: whoever saw the patient before, or may see now, looks again. */
    changed(patient: Patient): void {
      for (const { who, send, notes } of subscribers) {
        if (notes.has(patient.id) || sight.knows(who, patient)) send({ type: 'changed' });
      }
    },
  };
}
