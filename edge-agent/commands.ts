/**
 * Obeys what the service commands: once, in order, and durably before anything follows from it. A command is ignored
 * when it is for another agent, expired, not newer than the last, or holds actions that are not sealed to this start of
 * the agent.
 */
import type { DatabaseSync } from 'node:sqlite';
import type { AgentAction } from '../protocol/agent-action.ts';
import { equalBytes } from '../protocol/bytes.ts';
import { openCommand } from '../protocol/command.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import type { Clock } from '../protocol/time.ts';
import type { AssignmentChanges, Assignments } from './assignments.ts';
import type { Collect } from './collect.ts';
import { transact } from './database.ts';

export interface CommandsOptions {
  readonly db: DatabaseSync;
  /** Thumbprint of the key under which the service knows us. */
  readonly agent: () => Uint8Array;
  /** Service's signing key, 32 octets. */
  readonly serviceKey: Uint8Array;
  /** Real time, for the expiry of commands. */
  readonly realNow: Clock;
  readonly collect: Collect;
  readonly assignments: Assignments;
  readonly rotation: { want(): void };
  /** Orders an erasure, in the transaction that makes the command durable. */
  readonly erase: (action: Extract<AgentAction, { type: 'erase' }>) => void;
  /** Opens what was sealed to us; throws a Fault. */
  readonly openActions: (sealed: Uint8Array) => Promise<readonly AgentAction[]>;
}

export interface ObeyedCommand {
  readonly outcome: 'obeyed';
  readonly changes: AssignmentChanges;
  readonly actions: readonly AgentAction[];
  /** Actions of these that were not done, because the device or the user is another patient's. */
  readonly taken: readonly AgentAction[];
}

/** What became of a command. */
export type Obeyed = ObeyedCommand | { readonly outcome: 'not-ours' | 'expired' | 'old' };

export class Commands {
  readonly #options: CommandsOptions;
  #number: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: CommandsOptions) {
    this.#options = options;
    const row = options.db.prepare('SELECT command_number FROM state').get() as { command_number: number };
    this.#number = row.command_number;
  }

  /**
   * Takes its turn after the commands before. Rejects with a Fault (`bad-signature`, `malformed`, `not-canonical`,
   * `wrong-key`, `encrypted`, ...) or when the state cannot be written.
   */
  obey(signed: Uint8Array): Promise<Obeyed> {
    const turn = this.#turn.then(() => this.#obey(signed));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when no command is being obeyed. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  async #obey(signed: Uint8Array): Promise<Obeyed> {
    const { db, agent, serviceKey, realNow, collect, assignments, rotation, erase, openActions } = this.#options;
    const command = openCommand(signed, serviceKey, verifyEd25519);
    if (!equalBytes(command.agent, agent())) return { outcome: 'not-ours' };
    if (command.expiresAt <= realNow()) return { outcome: 'expired' };
    if (command.number <= this.#number) return { outcome: 'old' };
    const actions = command.actions ? await openActions(command.actions) : [];
    const taken: AgentAction[] = [];
    transact(db, () => {
      db.prepare('UPDATE state SET command_number = ?').run(command.number);
      collect.store(command.collect ?? []);
      for (const action of actions) {
        if (action.type === 'assign' && !assignments.assign(action)) taken.push(action);
        if (action.type === 'claim' && !assignments.claim(action)) taken.push(action);
        if (action.type === 'unassign') assignments.unassign(action.device);
        if (action.type === 'rotate-key') rotation.want();
        if (action.type === 'erase') erase(action);
      }
    });
    // Durable line: a restart obeys from here on, too.
    this.#number = command.number;
    collect.apply(command.collect ?? []);
    return { outcome: 'obeyed', changes: assignments.refresh(), actions, taken };
  }
}
