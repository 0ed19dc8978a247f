/** What a monitor remembers from one look to the next, as a JSON file that is durable before it is believed. */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { decodeHex } from '../../protocol/bytes.ts';
import { type Checkpoint, openCheckpoint } from '../../protocol/checkpoint.ts';
import { Fault } from '../../protocol/fault.ts';
import type { Sha256 } from '../../protocol/merkle.ts';
import type { NoteKey } from '../../protocol/signed-note.ts';
import { Frontier } from './frontier.ts';

const FORMAT = 'veravita/monitor@v1';

/** The last checkpoint that was found good, and what follows from it. */
export interface Seen {
  readonly checkpoint: Checkpoint;
  readonly note: string;
  readonly frontier: Frontier;
  /** When the log was first seen with this size, in milliseconds since 1970. */
  readonly advancedAt: number;
}

export interface Memory {
  seen: Seen | undefined;
  /** Expected commitments (hex) that were found, with their index. */
  found: Map<string, number>;
  /** Expected commitments (hex) that are not among the entries seen so far. */
  searched: Set<string>;
  /** Entry from which old entries are read again, a few each time. */
  rereadFrom: number;
}

export function emptyMemory(): Memory {
  return { seen: undefined, found: new Map(), searched: new Set(), rereadFrom: 0 };
}

/**
 * Reads what was remembered; an absent file is an empty memory. Throws a Fault when it is damaged or of another log: a
 * monitor that starts afresh by itself would overlook a rollback.
 */
export function readMemory(path: string, log: NoteKey, sha256: Sha256): Memory {
  if (!existsSync(path)) return emptyMemory();
  try {
    const json = JSON.parse(readFileSync(path, 'utf8'));
    if (json.format !== FORMAT) throw new Fault('version', 'not a memory of this format');
    const { checkpoint } = openCheckpoint(json.checkpoint, [log], log.name);
    const frontier = new Frontier(sha256, checkpoint, json.frontier.map(decodeHex));
    return {
      seen: { checkpoint, note: json.checkpoint, frontier, advancedAt: Number(json.advancedAt) },
      found: new Map(Object.entries<number>(json.found)),
      searched: new Set<string>(json.searched),
      rereadFrom: Number(json.rereadFrom),
    };
  } catch (error) {
    if (error instanceof Fault) throw error;
    throw new Fault('malformed', 'the memory cannot be read');
  }
}

/** Durable on return. */
export function writeMemory(path: string, { seen, found, searched, rereadFrom }: Memory): void {
  if (seen === undefined) return;
  const { note, frontier, advancedAt } = seen;
  writeFileDurably(path, {
    format: FORMAT,
    checkpoint: note,
    frontier,
    advancedAt,
    found: Object.fromEntries(found),
    searched: [...searched],
    rereadFrom,
  });
}

/** Writes one JSON file atomically. */
export function writeFileDurably(path: string, json: object): void {
  const temporary = `${path}.tmp`;
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(json)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
