/**
 * One look at a log from outside. Nothing of it is believed: the checkpoint must be signed, tiles bound to its root, and
 * the tree is rebuilt entry by entry from the one seen before, so that whatever was seen once is in every later tree.
 */
import { decodeUtf8, encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../protocol/checkpoint.ts';
import { openCosignatures } from '../../protocol/cosignature.ts';
import { isFault } from '../../protocol/fault.ts';
import { hashLeaf, type Sha256 } from '../../protocol/merkle.ts';
import { TILE_WIDTH } from '../../protocol/tile-paths.ts';
import { type BoundTiles, bindTiles, type ReadTile } from '../../protocol/tlog-tiles.ts';
import type { Trust } from '../../protocol/trust.ts';
import type { Expectations } from './expectations.ts';
import { Frontier } from './frontier.ts';
import { Unreachable } from './log-source.ts';
import type { Memory } from './memory.ts';

export type AlarmCode =
  /** The log cannot be read now. */
  | 'unreachable'
  /** Not signed by the trusted log, or with a false cosignature of a trusted witness. */
  | 'bad-signature'
  /** Smaller than it was. */
  | 'rollback'
  /** Another tree than the one seen before. */
  | 'fork'
  /** A tile or an entry is not that of the signed root. */
  | 'forged'
  /** A tile or an entry of the signed tree is not served. */
  | 'missing'
  /** Fewer trusted witnesses cosigned than the quorum. */
  | 'witnesses'
  /** Not grown for longer than the limit. */
  | 'stale'
  /** A promised commitment is not in the log in time. */
  | 'overdue';

/** What no honest log does, however unlucky: there is nothing to wait for. */
export const PROOFS: readonly AlarmCode[] = ['bad-signature', 'rollback', 'fork', 'forged'];

export interface Alarm {
  readonly code: AlarmCode;
  /** One sentence. */
  readonly says: string;
  /** Signed notes that show it, and for `overdue` nothing. */
  readonly evidence?: readonly string[];
  /** For `overdue`: the commitments in hex. */
  readonly commitments?: readonly string[];
}

export interface Look {
  readonly at: number;
  readonly size?: number;
  readonly root?: string;
  /** Trusted witnesses that cosigned. */
  readonly cosigned?: number;
  readonly expected: { readonly found: number; readonly waiting: number; readonly overdue: number };
  readonly alarms: readonly Alarm[];
}

export interface LookConfig {
  readonly trust: Trust;
  readonly readTile: ReadTile;
  readonly sha256: Sha256;
  readonly expectations: Expectations;
  /** From a promise to the entry, in milliseconds. */
  readonly maxDelayMs: number;
  readonly maxAgeMs?: number;
}

/** Bundles of old entries that are read again with each look, so that all of the log is, in time. */
const REREAD_BUNDLES = 4;

/** Looks once; what is good is put into the memory, and nothing that is not. */
export async function lookAtLog(config: LookConfig, memory: Memory, at: number): Promise<Look> {
  const alarms: Alarm[] = [];
  let opened: OpenedCheckpoint | undefined;
  let cosigned: number | undefined;
  try {
    const { note, ...signed } = await readCheckpoint(config);
    opened = signed.opened;
    cosigned = signed.cosigned;
    if (signed.alarm) alarms.push(signed.alarm);
    await follow(config, memory, opened, note, at);
  } catch (error) {
    alarms.push(alarmOf(error));
  }
  const { seen } = memory;
  if (seen && config.maxAgeMs !== undefined && at - seen.advancedAt > config.maxAgeMs) {
    const seconds = Math.round((at - seen.advancedAt) / 1000);
    alarms.push({ code: 'stale', says: `the log has not grown for ${seconds} s` });
  }
  const expected = checkExpectations(config, memory, at);
  if (expected.overdue.length > 0) {
    const says = `${expected.overdue.length} promised commitments are not in the log in time`;
    alarms.push({ code: 'overdue', says, commitments: expected.overdue });
  }
  return {
    at,
    ...(opened && { size: opened.checkpoint.size, root: encodeHex(opened.checkpoint.root) }),
    ...(cosigned !== undefined && { cosigned }),
    expected: { ...expected, overdue: expected.overdue.length },
    alarms,
  };
}

class Alarmed extends Error {
  readonly alarm: Alarm;
  constructor(alarm: Alarm) {
    super(alarm.says);
    this.alarm = alarm;
  }
}

function alarmOf(error: unknown): Alarm {
  if (error instanceof Alarmed) return error.alarm;
  if (error instanceof Unreachable) return { code: 'unreachable', says: `the log cannot be read: ${error.message}` };
  if (!isFault(error)) throw error;
  return { code: error.code === 'missing' ? 'missing' : 'forged', says: error.message };
}

async function readCheckpoint({ trust, readTile }: LookConfig) {
  const bytes = await readTile('checkpoint');
  if (bytes === undefined) throw new Alarmed({ code: 'missing', says: 'there is no checkpoint' });
  let note = '';
  try {
    note = decodeUtf8(bytes);
    const opened = openCheckpoint(note, [trust.log], trust.log.name);
    if (!trust.witnesses) return { note, opened };
    const { keys, quorum } = trust.witnesses;
    const cosigned = openCosignatures(opened.note, keys).length;
    if (cosigned >= quorum || opened.checkpoint.size === 0) return { note, opened, cosigned }; // nothing in it to be split
    const says = `${cosigned} of ${keys.length} trusted witnesses cosigned, and ${quorum} must`;
    return { note, opened, cosigned, alarm: { code: 'witnesses', says, evidence: [note] } satisfies Alarm };
  } catch (error) {
    if (!isFault(error)) throw error;
    throw new Alarmed({
      code: 'bad-signature',
      says: `the checkpoint is not good: ${error.message}`,
      evidence: [note],
    });
  }
}

/** From the tree seen before to this one, and to the memory. */
async function follow(config: LookConfig, memory: Memory, opened: OpenedCheckpoint, note: string, at: number) {
  const { sha256, readTile } = config;
  const { checkpoint } = opened;
  const { seen } = memory;
  const refuse = (code: AlarmCode, says: string) =>
    new Alarmed({ code, says, evidence: seen ? [seen.note, note] : [note] });
  if (seen && checkpoint.size < seen.checkpoint.size) {
    throw refuse('rollback', `the log has ${checkpoint.size} entries and had ${seen.checkpoint.size}`);
  }
  if (seen && checkpoint.size === seen.checkpoint.size && !equalBytes(checkpoint.root, seen.checkpoint.root)) {
    throw refuse('fork', `the log signed two trees of ${checkpoint.size} entries`);
  }
  const tiles = await bindTiles(checkpoint, readTile, sha256);
  if (seen && !equalBytes(await tiles.rootAt(seen.checkpoint.size), seen.checkpoint.root)) {
    throw refuse('fork', `the log does not extend the tree of ${seen.checkpoint.size} entries that it signed before`);
  }
  const pending = unfound(config.expectations, memory);
  const frontier = new Frontier(sha256, seen?.checkpoint, seen?.frontier.roots);
  for (let index = frontier.size; index < checkpoint.size; ) {
    const bundle = await tiles.bundle(index);
    const start = index - (index % TILE_WIDTH);
    for (const entry of bundle.slice(index - start)) {
      frontier.push(hashLeaf(entry, sha256));
      find(entry, index++, pending, memory);
    }
  }
  if (!equalBytes(frontier.root(), checkpoint.root)) throw refuse('fork', 'the entries do not give the signed root');
  await searchBack(tiles, pending, memory, seen?.checkpoint.size ?? 0);
  await reread(tiles, memory);
  const advancedAt = seen && seen.checkpoint.size === checkpoint.size ? seen.advancedAt : at;
  memory.seen = { checkpoint, note, frontier, advancedAt };
  memory.searched = pending;
}

function unfound(expectations: Expectations, { found }: Memory): Set<string> {
  return new Set([...expectations.keys()].filter((hex) => !found.has(hex)));
}

function find(entry: Uint8Array, index: number, pending: Set<string>, memory: Memory): void {
  if (pending.size === 0) return;
  const hex = encodeHex(entry);
  if (pending.delete(hex)) memory.found.set(hex, index);
}

/** Looks for those that were not expected yet when the entries below `size` were read, newest entries first. */
async function searchBack(tiles: BoundTiles, pending: Set<string>, memory: Memory, size: number): Promise<void> {
  const fresh = new Set([...pending].filter((hex) => !memory.searched.has(hex)));
  for (let end = size; end > 0 && fresh.size > 0; ) {
    const start = end - 1 - ((end - 1) % TILE_WIDTH);
    const bundle = await tiles.bundle(start);
    for (const [i, entry] of bundle.entries()) {
      if (start + i >= end) break;
      find(entry, start + i, fresh, memory);
    }
    end = start;
  }
  for (const hex of memory.found.keys()) pending.delete(hex);
}

/** Reads a few old bundles again, so that what was changed long after it was seen is noticed. */
async function reread(tiles: BoundTiles, memory: Memory): Promise<void> {
  const { size } = tiles.head;
  for (let i = 0; i < REREAD_BUNDLES && i * TILE_WIDTH < size; i++) {
    const from = memory.rereadFrom < size ? memory.rereadFrom : 0;
    await tiles.bundle(from);
    memory.rereadFrom = from - (from % TILE_WIDTH) + TILE_WIDTH;
  }
}

/** What was promised: found, still in time, or overdue. Those that nobody expects any more are forgotten. */
function checkExpectations({ expectations, maxDelayMs }: LookConfig, memory: Memory, at: number) {
  for (const hex of [...memory.found.keys()]) if (!expectations.has(hex)) memory.found.delete(hex);
  const overdue: string[] = [];
  let waiting = 0;
  for (const [hex, promisedAt] of expectations) {
    if (memory.found.has(hex)) continue;
    if (at > promisedAt + maxDelayMs) overdue.push(hex);
    else waiting++;
  }
  return { found: memory.found.size, waiting, overdue };
}
