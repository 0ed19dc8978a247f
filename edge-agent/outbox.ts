/**
 * Sealed batches until the service has them. A batch's envelope is kept until the service signed that it *holds* the
 * batch, its header until the service signed that it is *logged*; nothing else, and no broker's word, deletes anything.
 */
import { createHmac, hash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { Fault, type FaultCode } from '../protocol/fault.ts';
import { transact } from './database.ts';
import type { Pending, PendingRows } from './pending.ts';
import type { SealedBatch } from './seal.ts';

/** One thing that became known of batches. */
export type OutboxChange =
  /** The broker took the batch. It says nothing of the service. */
  | { readonly kind: 'published'; readonly sequence: number }
  /** The service holds the batch: custody has passed. */
  | { readonly kind: 'held'; readonly sequence: number; readonly withheld: number }
  /** A batch of this sequence and all before it are in the log. */
  | { readonly kind: 'logged'; readonly sequence: number }
  /** Our key is revoked: the service keeps the batch until people decide, and so do we. */
  | { readonly kind: 'waiting'; readonly sequence: number }
  /** The service will not take the batch; it stays as evidence. */
  | { readonly kind: 'refused'; readonly sequence: number; readonly code: FaultCode };

/** A batch that is to be sent. */
export interface Outgoing {
  readonly sequence: number;
  readonly envelope: Uint8Array;
}

/** What is known of a batch that is still in the outbox. */
export interface OutboxEntry {
  readonly sequence: number;
  readonly held: boolean;
}

export interface OutboxCounts {
  /** Batches that are not known to be logged. */
  readonly kept: number;
  /** Batches that are not known to be held. */
  readonly unheld: number;
  /** The first sequence of these, 0 for none. */
  readonly firstUnheld: number;
  /** Batches of these that wait for people at the service, because our key is revoked. */
  readonly waiting: number;
}

/** What {@link Outbox.apply} freed and settled. */
interface Applied {
  octets: number;
  held: number;
  forgotten: number;
  waiting: number;
}

/** The code under which a batch waits for people. */
const QUARANTINED = 'quarantined' satisfies FaultCode;

export class Outbox {
  readonly #db: DatabaseSync;
  readonly #storageKey: Uint8Array;
  readonly #statements;
  #lastSequence: number;
  #previous: Uint8Array;
  #octets: number;
  /** In memory, because a week without a network is thousands of rows, and each acknowledgement asks. */
  #counts: OutboxCounts;
  /** In memory only: the service says it again on every connection. */
  #loggedThrough = 0;

  /** `storageKey` hides whom the batches speak of. */
  constructor(db: DatabaseSync, storageKey: Uint8Array) {
    this.#db = db;
    this.#storageKey = storageKey;
    this.#statements = {
      insert: db.prepare(
        'INSERT INTO outbox (sequence, batch, header, envelope, leaves, envelope_hash) VALUES (?, ?, ?, ?, ?, ?)',
      ),
      advance: db.prepare('UPDATE state SET sequence = ?, previous = ? WHERE sequence = ?'),
      next: db.prepare(
        'SELECT sequence, envelope FROM outbox WHERE sequence > ? AND held = 0 ORDER BY sequence LIMIT 1',
      ),
      find: db.prepare('SELECT sequence, held FROM outbox WHERE batch = ?'),
      batchAt: db.prepare('SELECT batch FROM outbox WHERE sequence = ?'),
      spoken: db.prepare('SELECT sequence FROM spoken WHERE subject = ?'),
      speak: db.prepare('INSERT OR REPLACE INTO spoken (subject, sequence) VALUES (?, ?)'),
      unheldOf: db.prepare(
        'SELECT coalesce(length(envelope), 0) AS octets, refused FROM outbox WHERE sequence = ? AND held = 0',
      ),
      firstUnheld: db.prepare('SELECT sequence FROM outbox WHERE sequence >= ? AND held = 0 ORDER BY sequence LIMIT 1'),
      published: db.prepare('UPDATE outbox SET published = published + 1 WHERE sequence = ?'),
      held: db.prepare('UPDATE outbox SET held = 1, withheld = ?, refused = NULL, envelope = NULL WHERE sequence = ?'),
      forget: db.prepare('DELETE FROM outbox WHERE sequence <= ? AND held = 1'),
      refused: db.prepare('UPDATE outbox SET refused = ? WHERE sequence = ?'),
      unlogged: db.prepare('SELECT 1 FROM outbox WHERE sequence <= ? LIMIT 1'),
      refusal: db.prepare(
        `SELECT sequence, refused AS code FROM outbox WHERE refused IS NOT NULL AND refused <> '${QUARANTINED}' LIMIT 1`,
      ),
    };
    const { octets } = db.prepare('SELECT coalesce(sum(length(envelope)), 0) AS octets FROM outbox').get()!;
    this.#octets = octets as number;
    this.#counts = db
      .prepare(
        `SELECT count(*) AS kept, count(*) FILTER (WHERE held = 0) AS unheld,
           coalesce(min(sequence) FILTER (WHERE held = 0), 0) AS firstUnheld,
           count(*) FILTER (WHERE refused = '${QUARANTINED}') AS waiting FROM outbox`,
      )
      .get() as unknown as OutboxCounts;
    const state = db.prepare('SELECT sequence, previous FROM state').get() as {
      sequence: number;
      previous: Uint8Array;
    };
    this.#lastSequence = state.sequence;
    this.#previous = state.previous;
  }

  /** Sequence of the newest sealed batch; 0 before the first. */
  get lastSequence(): number {
    return this.#lastSequence;
  }

  /** Id of the newest sealed batch, which the next one names. */
  get previous(): Uint8Array {
    return this.#previous;
  }

  /** Octets of the envelopes that the service does not hold. */
  get octets(): number {
    return this.#octets;
  }

  /** Sequence of the newest batch that holds leaves of a subject; 0 for none. */
  spokenOf(subject: Uint8Array): number {
    return (this.#statements.spoken.get(this.#hide(subject))?.sequence as number | undefined) ?? 0;
  }

  /** Remembers no more that batches spoke of a subject; the caller holds the transaction. */
  forgetSpoken(subject: Uint8Array): void {
    this.#db.prepare('DELETE FROM spoken WHERE subject = ?').run(this.#hide(subject));
  }

  #hide(subject: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#storageKey).update('spoken').update(subject).digest().subarray(0, 16);
  }

  /** Moves rows from pending into the outbox as one batch. Throws `inconsistent` when either changed meanwhile. */
  store(sealed: SealedBatch, rows: PendingRows, pending: Pending): void {
    const { header, id, signed, envelope } = sealed;
    const envelopeHash = hash('sha256', envelope, 'buffer');
    transact(this.#db, () => {
      if (this.#statements.advance.run(header.sequence, id, header.sequence - 1).changes !== 1) {
        throw new Fault('inconsistent', 'the sequence changed while a batch was sealed');
      }
      this.#statements.insert.run(header.sequence, id, signed, envelope, header.leafCount, envelopeHash);
      for (const subject of sealed.subjects) this.#statements.speak.run(this.#hide(subject), header.sequence);
      pending.remove(rows);
    });
    // Durable line: from here this sequence is this batch for ever, and it may be sent.
    this.#lastSequence = header.sequence;
    this.#previous = id;
    this.#octets += envelope.length;
    const { kept, unheld, firstUnheld, waiting } = this.#counts;
    this.#counts = { kept: kept + 1, unheld: unheld + 1, firstUnheld: firstUnheld || header.sequence, waiting };
    pending.removed(rows);
  }

  /** The first batch after a sequence that the service does not hold. */
  nextUnheld(after: number): Outgoing | undefined {
    return this.#statements.next.get(after) as Outgoing | undefined;
  }

  /** The entry of a batch id. */
  find(batch: Uint8Array): OutboxEntry | undefined {
    const row = this.#statements.find.get(batch) as { sequence: number; held: number } | undefined;
    return row && { sequence: row.sequence, held: row.held === 1 };
  }

  /** Id of the batch with a sequence, while its header is kept. */
  batchAt(sequence: number): Uint8Array | undefined {
    return (this.#statements.batchAt.get(sequence) as { batch: Uint8Array } | undefined)?.batch;
  }

  /** Makes changes durable, all in one transaction. */
  apply(changes: readonly OutboxChange[]): void {
    const applied = transact(this.#db, () => {
      const sum: Applied = { octets: 0, held: 0, forgotten: 0, waiting: 0 };
      for (const change of changes) this.#applyOne(change, sum);
      // A batch of which only *logged* was heard stays and is sent again: the answer says whether the log's is ours.
      sum.forgotten = Number(this.#statements.forget.run(this.#loggedThrough).changes);
      return sum;
    });
    // Durable line: what is counted follows what is written.
    this.#octets -= applied.octets;
    const { kept, unheld, firstUnheld, waiting } = this.#counts;
    this.#counts = {
      kept: kept - applied.forgotten,
      unheld: unheld - applied.held,
      firstUnheld: applied.held > 0 ? this.#firstUnheldFrom(firstUnheld) : firstUnheld,
      waiting: waiting + applied.waiting,
    };
  }

  #applyOne(change: OutboxChange, sum: Applied): void {
    switch (change.kind) {
      case 'published':
        this.#statements.published.run(change.sequence);
        return;
      case 'held': {
        const before = this.#unheldOf(change.sequence);
        if (!before) return;
        this.#statements.held.run(change.withheld, change.sequence);
        sum.held++;
        sum.octets += before.octets;
        if (before.refused === QUARANTINED) sum.waiting--;
        return;
      }
      case 'logged':
        this.#loggedThrough = Math.max(this.#loggedThrough, change.sequence);
        return;
      case 'waiting':
        this.#noteRefusal(change.sequence, QUARANTINED, sum);
        return;
      case 'refused':
        this.#noteRefusal(change.sequence, change.code, sum);
        return;
    }
  }

  /** What the service holds by now was not refused, whatever was said before. */
  #noteRefusal(sequence: number, code: FaultCode, sum: Applied): void {
    const before = this.#unheldOf(sequence);
    if (!before) return;
    this.#statements.refused.run(code, sequence);
    sum.waiting += Number(code === QUARANTINED) - Number(before.refused === QUARANTINED);
  }

  #unheldOf(sequence: number): { readonly octets: number; readonly refused: string | null } | undefined {
    return this.#statements.unheldOf.get(sequence) as { octets: number; refused: string | null } | undefined;
  }

  /** From a sequence before which all is held. */
  #firstUnheldFrom(sequence: number): number {
    return (this.#statements.firstUnheld.get(sequence)?.sequence as number | undefined) ?? 0;
  }

  /** What is still here, as far as it is durable. */
  counts(): OutboxCounts {
    return this.#counts;
  }

  /** True when a batch up to a sequence is not known to be logged. */
  hasUnlogged(through: number): boolean {
    return this.#statements.unlogged.get(through) !== undefined;
  }

  /** A batch that was refused for good, if there is one. */
  refusal(): { readonly sequence: number; readonly code: FaultCode } | undefined {
    return this.#statements.refusal.get() as { sequence: number; code: FaultCode } | undefined;
  }
}
