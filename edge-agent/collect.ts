/**
 * Which patients may be observed, as the service last said. Durable, because an agent that restarts offline must not
 * forget a withdrawal. A subject of whom nothing was said may be observed: the agent listens only to devices that were
 * assigned to it, and the service asks for consent again at its gate.
 */
import type { DatabaseSync } from 'node:sqlite';
import { encodeHex } from '../protocol/bytes.ts';
import type { CollectState } from '../protocol/command.ts';

export class Collect {
  readonly #db: DatabaseSync;
  readonly #paused = new Set<string>();

  constructor(db: DatabaseSync) {
    this.#db = db;
    const rows = db.prepare('SELECT subject FROM collect WHERE permitted = 0').all() as { subject: Uint8Array }[];
    for (const { subject } of rows) this.#paused.add(encodeHex(subject));
  }

  isPermitted(subject: Uint8Array): boolean {
    return !this.#paused.has(encodeHex(subject));
  }

  /** Writes what the service says; the caller holds the transaction, and calls {@link apply} once it is durable. */
  store(states: readonly CollectState[]): void {
    const put = this.#db.prepare('INSERT OR REPLACE INTO collect (subject, permitted) VALUES (?, ?)');
    for (const { subject, permitted } of states) put.run(subject, permitted ? 1 : 0);
  }

  /** Remembers nothing of some subjects; the caller holds the transaction. */
  forget(isTheirs: (subject: Uint8Array) => boolean): void {
    const rows = this.#db.prepare('SELECT subject FROM collect').all() as { subject: Uint8Array }[];
    for (const { subject } of rows) {
      if (!isTheirs(subject)) continue;
      this.#db.prepare('DELETE FROM collect WHERE subject = ?').run(subject);
      this.#paused.delete(encodeHex(subject));
    }
  }

  apply(states: readonly CollectState[]): void {
    for (const { subject, permitted } of states) {
      if (permitted) this.#paused.delete(encodeHex(subject));
      else this.#paused.add(encodeHex(subject));
    }
  }
}
