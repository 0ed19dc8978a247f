/**
 * Which patients may be observed, as the service last said. Durable, because an agent that restarts offline must not
 * forget a withdrawal. A subject of whom nothing was said may be observed: the agent listens only to devices that were
 * assigned to it, and the service asks for consent again at its gate.
 */
import type { DatabaseSync } from 'node:sqlite';
import { encodeHex, equalBytes } from '../protocol/bytes.ts';
import { openCommand } from '../protocol/command.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import type { Clock } from '../protocol/time.ts';
import { transact } from './database.ts';

export interface CollectOptions {
  readonly db: DatabaseSync;
  /** Our key's thumbprint. */
  readonly agent: Uint8Array;
  /** Service's signing key, 32 octets. */
  readonly serviceKey: Uint8Array;
  /** Real time, for the expiry of commands. */
  readonly realNow: Clock;
}

/** What became of a command. */
export type Obeyed = 'obeyed' | 'not-ours' | 'expired' | 'old';

export class Collect {
  readonly #options: CollectOptions;
  readonly #paused = new Set<string>();
  #number: number;

  constructor(options: CollectOptions) {
    this.#options = options;
    const { command_number: number } = options.db.prepare('SELECT command_number FROM state').get() as {
      command_number: number;
    };
    this.#number = number;
    const rows = options.db.prepare('SELECT subject FROM collect WHERE permitted = 0').all() as {
      subject: Uint8Array;
    }[];
    for (const { subject } of rows) this.#paused.add(encodeHex(subject));
  }

  isPermitted(subject: Uint8Array): boolean {
    return !this.#paused.has(encodeHex(subject));
  }

  /**
   * Obeys a signed command, once and durably, unless it is for another agent, expired, or not newer than the last.
   * Throws `bad-signature`, `malformed`, `not-canonical`.
   */
  obey(signed: Uint8Array): Obeyed {
    const { db, agent, serviceKey, realNow } = this.#options;
    const command = openCommand(signed, serviceKey, verifyEd25519);
    if (!equalBytes(command.agent, agent)) return 'not-ours';
    if (command.expiresAt <= realNow()) return 'expired';
    if (command.number <= this.#number) return 'old';
    const put = db.prepare('INSERT OR REPLACE INTO collect (subject, permitted) VALUES (?, ?)');
    transact(db, () => {
      db.prepare('UPDATE state SET command_number = ?').run(command.number);
      for (const { subject, permitted } of command.collect) put.run(subject, permitted ? 1 : 0);
    });
    this.#number = command.number;
    for (const { subject, permitted } of command.collect) {
      if (permitted) this.#paused.delete(encodeHex(subject));
      else this.#paused.add(encodeHex(subject));
    }
    return 'obeyed';
  }
}
