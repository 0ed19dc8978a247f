/** What an agent still keeps, read from a copy of its state: headers of batches, and how much waits. Nothing is decrypted. */
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { readHeader } from '../../protocol/batch.ts';
import type { Check } from './check.ts';

export interface AgentState {
  /** Ids of batches that the agent has the service's signed word for, and not yet the log's. */
  readonly held: readonly Uint8Array[];
  /** Leaves that are not sealed, and leaves of batches that the service does not hold as far as the agent knows. */
  readonly waiting: number;
}

/** Folders of agents below a data directory. */
export function agentFolders(data: string): string[] {
  const folder = join(data, 'agents');
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((path) => existsSync(join(path, 'agent.sqlite')));
}

/** A killed agent leaves a write-ahead log; it is applied to the copy only. */
export function readAgentState(folder: string, check: Check): AgentState {
  const copy = mkdtempSync(join(tmpdir(), 'veravita-audit-'));
  try {
    for (const name of ['agent.sqlite', 'agent.sqlite-wal']) {
      if (existsSync(join(folder, name))) copyFileSync(join(folder, name), join(copy, name));
    }
    const db = new DatabaseSync(join(copy, 'agent.sqlite'));
    try {
      const held = db.prepare('SELECT header FROM outbox WHERE held = 1 ORDER BY sequence').all();
      const unheld = db.prepare('SELECT coalesce(sum(leaves), 0) AS n FROM outbox WHERE held = 0').get();
      const pending = db.prepare('SELECT count(*) AS n FROM pending').get();
      return {
        held: held.map(({ header }) => readHeader(header as Uint8Array).id),
        waiting: (unheld!.n as number) + (pending!.n as number),
      };
    } finally {
      db.close();
    }
  } catch {
    check.wrong('the state of an agent cannot be read');
    return { held: [], waiting: 0 };
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}
