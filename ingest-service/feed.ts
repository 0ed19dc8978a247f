/**
 * Live readings to those who may see them. Consent is asked for every message in the tick in which it is sent; the
 * patient's note is written before the first message of each interval.
 */

import { isResult, takesPlaceOf } from '../protocol/newest-value.ts';
import type { Clock, Instant } from '../protocol/time.ts';
import type { AnchorCount } from './anchors.ts';
import type { Filing } from './file-batch.ts';
import { classOf, type Identity } from './identity.ts';
import type { Patient } from './record/patients.ts';
import type { FiledReading } from './record/segments.ts';
import type { Sight } from './sight.ts';
import type { Standing, StandingOf } from './standing.ts';
import { type ReadingView, viewReading } from './views.ts';

export type FeedMessage =
  | { readonly type: 'reading'; readonly patient: string; readonly reading: ReadingView }
  /** A reading that was sent before is now covered by a signed checkpoint, or held by more anchors. */
  | { readonly type: 'logged'; readonly patient: string; readonly id: string; readonly anchors?: AnchorCount }
  /** The list of patients, grants or disclosures is no longer what it was. */
  | { readonly type: 'changed' };

/** Where a feed's messages go. */
export interface FeedSink {
  send(message: FeedMessage): void;
  /** Ends the feed when messages wait in it that were decided before now: a slow reader must not get them later. */
  cutBacklog(): void;
  /** Ends the feed. */
  end(): void;
}

interface Subscriber extends FeedSink {
  readonly who: Identity;
  /** Patients whom this reader may know, or could until the last change. */
  readonly known: Set<string>;
  /** Readings sent whose standing will change, by id: not yet in the log, or not yet held by every anchor. */
  readonly open: Map<string, OpenReading>;
  /** What the patient's list says of this feed, by patient. */
  readonly notes: Map<string, Note>;
}

interface OpenReading {
  readonly patient: Patient;
  readonly reading: FiledReading;
  /** As it was told last. */
  readonly inLog: boolean;
  readonly held: number;
}

interface Shown {
  readonly reading: FiledReading;
  readonly grant: string;
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
const MAX_OPEN = 1000;

export type Feed = ReturnType<typeof createFeed>;

export function createFeed(sight: Sight, standingOf: StandingOf, clock: Clock) {
  const subscribers = new Set<Subscriber>();

  /** Readings of one patient to one reader: consent for each, one note for all, then the messages, in one tick. */
  function offer(subscriber: Subscriber, patient: Patient, readings: readonly FiledReading[]): void {
    const { who, open, send } = subscriber;
    const permitted = readings.flatMap((reading) => {
      const decision = sight.permit(who, patient, reading.leaf.vital, reading.leaf.measuredAt, clock());
      return decision.permit ? [{ reading, grant: decision.grant }] : [];
    });
    if (permitted.length === 0) return;
    // The patient's own page is not noted: it would fill the list in which she looks for others.
    if (who.role !== 'patient') noteBefore(subscriber, patient, permitted);
    for (const { reading } of permitted) {
      const standing = standingOf(reading.batch);
      keepOpen(open, patient, reading, standing);
      send({ type: 'reading', patient: patient.id, reading: viewReading(reading, standing) });
    }
    for (const id of open.keys()) {
      if (open.size <= MAX_OPEN) break;
      open.delete(id); // its badge is brought up to date when the page asks next
    }
  }

  /** The patient's list says it before it is sent; one note stands for all of its kind in an interval. */
  function noteBefore({ who, notes }: Subscriber, patient: Patient, shown: readonly Shown[]): void {
    const last = notes.get(patient.id);
    const at = clock();
    const fresh = last && at - last.at < NOTE_INTERVAL_MS ? last : undefined;
    const classes = new Set(fresh?.classes);
    const grants = new Set(fresh?.grants);
    for (const { reading, grant } of shown) {
      classes.add(classOf(reading.leaf.vital));
      grants.add(grant);
    }
    if (fresh && classes.size === fresh.classes.size && grants.size === fresh.grants.size) {
      fresh.count += shown.length;
      return;
    }
    sight.note(who, patient, last ? 'feed' : 'feed-open', [...classes], last?.count ?? 0, [...grants]);
    notes.set(patient.id, { patient, at: fresh?.at ?? at, classes, grants, count: shown.length });
  }

  /** Tells what has changed for readings that were sent before. */
  function tellStanding(isDue: (open: OpenReading) => boolean): void {
    for (const { who, send, open } of subscribers) {
      for (const [id, was] of open) {
        if (!isDue(was)) continue;
        const { patient, reading } = was;
        const standing = standingOf(reading.batch);
        const { inLog, anchors } = standing;
        if (!inLog || (was.inLog && was.held === (anchors?.held ?? 0))) continue;
        open.delete(id);
        keepOpen(open, patient, reading, standing);
        const { vital, measuredAt } = reading.leaf;
        if (sight.permit(who, patient, vital, measuredAt, clock()).permit)
          send({ type: 'logged', patient: patient.id, id, ...(anchors && { anchors }) });
      }
    }
  }

  return {
    /** Opens a feed; the answer closes it. */
    open(who: Identity, sink: FeedSink): () => void {
      const known = new Set(sight.patients(who).map(({ id }) => id));
      const subscriber: Subscriber = {
        who,
        send: (message) => sink.send(message),
        cutBacklog: () => sink.cutBacklog(),
        end: () => sink.end(),
        known,
        open: new Map(),
        notes: new Map(),
      };
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
      const newest = new Map<Patient, Map<string, FiledReading>>();
      for (const { patient, reading } of filed) {
        if (!isResult(reading.leaf.flags)) continue;
        const mine = newest.get(patient) ?? new Map<string, FiledReading>();
        newest.set(patient, mine);
        const key = `${reading.leaf.vital} ${reading.leaf.device}`;
        const known = mine.get(key);
        if (!known || takesPlaceOf(reading.leaf, known.leaf)) mine.set(key, reading);
      }
      for (const subscriber of subscribers) {
        for (const [patient, mine] of newest) offer(subscriber, patient, [...mine.values()]);
      }
    },

    /** After commitments learned their place in the log. */
    logged: () => tellStanding(({ inLog }) => !inLog),

    /** After an anchor came to hold more of the log. */
    anchored: () => tellStanding(({ inLog }) => inLog),

    /** A patient is no more: nothing of theirs waits here, their own feeds end, and who knew them looks again. */
    forget(patient: Patient): void {
      for (const { who, send, end, cutBacklog, known, open, notes } of [...subscribers]) {
        notes.delete(patient.id);
        for (const [id, waiting] of open) if (waiting.patient.id === patient.id) open.delete(id);
        if (who.role === 'patient' && who.patient === patient.id) end();
        else if (known.delete(patient.id)) {
          cutBacklog();
          send({ type: 'changed' });
        }
      }
    },

    /** A patient's consent changed: whoever saw the patient before, or may see now, looks again. */
    changed(patient: Patient): void {
      for (const { who, send, cutBacklog, known } of subscribers) {
        const knew = known.has(patient.id);
        const knows = sight.knows(who, patient);
        if (!knew && !knows) continue;
        if (knows) known.add(patient.id);
        else known.delete(patient.id);
        cutBacklog();
        send({ type: 'changed' });
      }
    },
  };
}

function keepOpen(
  open: Map<string, OpenReading>,
  patient: Patient,
  reading: FiledReading,
  { inLog, anchors }: Standing,
): void {
  const held = anchors?.held ?? 0;
  if (!inLog || (anchors && held < anchors.of)) open.set(reading.id, { patient, reading, inLog, held });
}
