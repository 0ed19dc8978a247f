/**
 * Entries of the inbox that a disk altered. One flipped bit in an entry's name is mended, because the seal opens under the
 * true name only. What does not open is set aside in its place of its agent's chain. Its name proves nothing then: the id of
 * the batch is what the next one names as the one before it (chains.ts).
 */
import type { NewEntry } from '../journal/journal.ts';
import { encodeBase32 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/time.ts';
import type { Counters } from './counters.ts';
import { type HeldBatch, tryOpenHeldBatch } from './inbox.ts';
import { currentName } from './key-changes.ts';
import type { RecordStore } from './record/record-sqlite.ts';

/** An entry that opened. */
export interface OpenEntry {
  /** The batch's id: the entry's name, mended where that was needed. */
  readonly id: string;
  readonly held: HeldBatch;
}

/** `undefined` where the entry does not open. */
export function openEntry(
  store: RecordStore,
  inboxKey: Uint8Array,
  { id, key, body }: NewEntry,
): OpenEntry | undefined {
  if (!(body instanceof Uint8Array)) return undefined; // a flipped bit in a row's head makes another type of it
  for (const name of namesOf(store, String(id), String(key))) {
    const held = tryOpenHeldBatch(inboxKey, name, body);
    if (held) return { id: name, held };
  }
  return undefined;
}

const LETTERS = Array.from({ length: 32 }, (_, value) => encodeBase32(Uint8Array.of(value << 3))[0]!);
const ID_LENGTH = 52;
/** What stands for a letter whose eighth bit is set: that is no UTF-8. */
const NO_LETTER = '\ufffd';

/** The name itself; that of the newest that is filed, which lies in the inbox until another comes; all that are one bit away. */
function* namesOf(store: RecordStore, name: string, agent: string): Generator<string> {
  yield name;
  const filed = store.batches.newest(agent);
  if (filed) yield filed.id;
  if (name.length !== ID_LENGTH) return;
  const broken = name.indexOf(NO_LETTER);
  const places = broken < 0 ? name.split('').keys() : [broken];
  for (const at of places) {
    for (const letter of LETTERS) {
      const bits = name.charCodeAt(at) ^ letter.charCodeAt(0);
      const isNear = broken >= 0 || (bits !== 0 && (bits & (bits - 1)) === 0);
      if (isNear) yield name.slice(0, at) + letter + name.slice(at + 1);
    }
  }
}

interface SetAsideDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly counters: Counters;
}

/**
 * Keeps an entry that does not open, as it is, in the place after `before`, and nothing waits behind it. `undefined` where
 * that was done before, or the batch of that name is in the record; else its place. Its body is left out where an erasure that
 * was, or will be, could not find it. Durable when it returns.
 */
export function setAsideAltered(
  { store, clock, counters }: SetAsideDeps,
  entry: NewEntry,
  before: (agent: string) => number,
): { readonly agent: string; readonly sequence: number } | undefined {
  const [id, agent] = [String(entry.id), String(entry.key)];
  if (store.batches.leafHashes(id) || store.quarantine.get(id) || store.unreadable.has(id)) return undefined;
  const sequence = before(agent) + 1;
  const body = mayStay(store, agent) && entry.body instanceof Uint8Array ? entry.body : new Uint8Array();
  store.transaction(() => store.unreadable.insert({ batch: id, agent, sequence, foundAt: clock(), body }));
  counters.add('inbox.unreadable');
  return { agent, sequence };
}

/** Whose it is, is known, and none of their patients was erased. */
function mayStay(store: RecordStore, agent: string): boolean {
  return store.agents.get(agent) !== undefined && store.erasures.ofAgent(currentName(store, agent)).length === 0;
}
