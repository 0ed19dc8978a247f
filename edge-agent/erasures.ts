/**
 * Erases a patient at the service's command: rows that wait, what nobody claimed, users, cursors, assignments. Batches that
 * were sealed before cannot be changed without breaking the chain; they go to the service, which keeps nothing of them, and
 * only when they are gone from here the agent says that it is done. A crash anywhere is mended by the next start.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { AgentAction } from '../protocol/agent-action.ts';
import { encodeHex, equalBytes } from '../protocol/bytes.ts';
import { erasureMark } from '../protocol/erasure.ts';
import type { ReportContent } from '../protocol/report.ts';
import type { Assignments } from './assignments.ts';
import type { Collect } from './collect.ts';
import { transact } from './database.ts';
import type { Doubles } from './doubles.ts';
import type { Held } from './held.ts';
import type { Outbox } from './outbox.ts';
import type { Dropped, Pending } from './pending.ts';

type Erase = Extract<AgentAction, { type: 'erase' }>;

export interface ErasuresOptions {
  readonly db: DatabaseSync;
  readonly assignments: Assignments;
  readonly collect: Collect;
  readonly doubles: Doubles;
  readonly held: Held;
  readonly pending: Pending;
  readonly outbox: Outbox;
  /** Takes the subject's devices out of the stored enrolment. */
  readonly forgetEnrolled: (isTheirs: (subject: Uint8Array) => boolean) => void;
  /** Runs something while nothing is being sealed, after all that was heard is durable. */
  readonly undisturbed: (work: () => void) => Promise<void>;
  readonly report: (content: ReportContent) => void;
}

interface Row {
  readonly id: Uint8Array;
  readonly mark: Uint8Array;
  readonly through: number | null;
}

export class Erasures {
  readonly #options: ErasuresOptions;
  /** Addresses of devices that went with an order, until their rows are gone. */
  readonly #addresses = new Map<string, readonly string[]>();

  /** Whom the marks turned out to mean, until their rows are gone. */
  readonly #subjects = new Map<string, Uint8Array>();

  constructor(options: ErasuresOptions) {
    this.#options = options;
  }

  /** In the transaction of the command; from then on nothing of the subject is listened to. */
  order({ id, mark }: Erase): void {
    const { db, assignments } = this.#options;
    // Asked again after it was done: an older state may have been put back, and doing it twice is harmless.
    db.prepare('INSERT INTO erasures (id, mark) VALUES (?, ?) ON CONFLICT DO UPDATE SET through = NULL, done = 0').run(
      id,
      mark,
    );
    const theirs = isTheirs({ id, mark });
    this.#addresses.set(
      encodeHex(id),
      assignments.forget((subject) => theirs(subject) && this.#note(subject)),
    );
  }

  /** Destroys the rows of what was ordered; resolves when they are gone. */
  async run(): Promise<void> {
    if (this.#open().some(({ through }) => through === null)) await this.#options.undisturbed(() => this.#eraseRows());
    this.settle();
  }

  /** The same at the start, when nothing is being sealed yet. */
  resume(): void {
    for (const row of this.#open()) {
      if (row.through === null) transact(this.#options.db, () => this.order({ type: 'erase', ...row }));
    }
    this.#options.assignments.refresh();
    this.#eraseRows();
  }

  /** Says what is done, once no batch of before waits any more; to be called whenever the outbox changes. */
  settle(): void {
    const { db, outbox, report } = this.#options;
    const { firstUnheld } = outbox.counts();
    const done = this.#open().filter(({ through }) => through !== null && !(firstUnheld > 0 && firstUnheld <= through));
    if (done.length === 0) return;
    // The file anew, without what was freed, and no old pages beside it.
    db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE)');
    transact(db, () => {
      for (const { id } of done) db.prepare('UPDATE erasures SET done = 1 WHERE id = ?').run(id);
    });
    // A report that is lost is asked for again: the service names all erasures each time that we say hello.
    for (const { id } of done) report({ type: 'erased', id });
  }

  #note(subject: Uint8Array): true {
    this.#subjects.set(encodeHex(subject), subject);
    return true;
  }

  #open(): Row[] {
    return this.#options.db.prepare('SELECT id, mark, through FROM erasures WHERE done = 0').all() as unknown as Row[];
  }

  #eraseRows(): void {
    const { db, assignments, collect, doubles, held, pending, outbox, forgetEnrolled } = this.#options;
    const rows = this.#open().filter(({ through }) => through === null);
    if (rows.length === 0) return;
    const theirs = (subject: Uint8Array) => rows.some((row) => isTheirs(row)(subject)) && this.#note(subject);
    let dropped: Dropped = { rows: 0, octets: 0 };
    transact(db, () => {
      dropped = pending.dropSubjects(theirs);
      held.dropSubjects(theirs);
      collect.forget(theirs);
      if (assignments.devices.size === 0) doubles.clear();
      for (const { id } of rows) {
        for (const address of this.#addresses.get(encodeHex(id)) ?? []) {
          db.prepare('DELETE FROM device_users WHERE device = ?').run(address);
          db.prepare('DELETE FROM record_cursors WHERE device = ?').run(address);
        }
        db.prepare('UPDATE erasures SET through = ? WHERE id = ?').run(outbox.lastSequence, id);
      }
      for (const subject of this.#subjects.values()) outbox.forgetSpoken(subject);
      // Before the commit: a crash after it would leave the devices in the enrolment and nobody to take them out.
      forgetEnrolled(theirs);
    });
    // Durable line: nothing of the subject can be sealed any more.
    pending.dropped(dropped);
    this.#addresses.clear();
    this.#subjects.clear();
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }
}

function isTheirs({ id, mark }: Pick<Row, 'id' | 'mark'>): (subject: Uint8Array) => boolean {
  return (subject) => equalBytes(erasureMark(id, subject), mark);
}
