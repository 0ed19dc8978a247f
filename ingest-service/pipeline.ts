/**
 * From the inbox into the record, and from the record to the log and back. Each stage follows a journal at least once and
 * is idempotent, so a crash anywhere is mended by running the same stage again.
 */
import { setImmediate } from 'node:timers/promises';
import type { Follower, Journal, JournalEntry } from '../journal/journal.ts';
import { encodeHex } from '../protocol/bytes.ts';
import { decodeLeaf } from '../protocol/leaf.ts';
import { decodePosition } from '../protocol/position.ts';
import type { Clock } from '../protocol/time.ts';
import { openEntry, setAsideAltered } from './altered-entries.ts';
import { newestStored } from './chains.ts';
import type { Counters } from './counters.ts';
import type { Filer } from './filer.ts';
import { type HeldBatch, isInboxMark, markInbox, openHeldBatch, sealHeldBatch } from './inbox.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface PipelineDeps {
  readonly store: RecordStore;
  readonly inbox: Journal;
  readonly commitments: Journal;
  readonly positions: Journal;
  readonly inboxKey: Uint8Array;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly filer: Filer;
  /** Called after commitments learned their place in the log. */
  readonly onLogged: () => void;
}

export interface Pipeline {
  /** Everything in the inbox is filed and its commitment is with the ledger writer. */
  caughtUp(): Promise<void>;
  /** Hands over commitments that were written beside a consent event or disclosure. */
  relay(): Promise<void>;
  /** Files a batch that was set aside and is admitted; `sealed` as it was in the inbox. */
  file(batch: string, sealed: Uint8Array): void;
  /** Files all that is in the inbox and overwrites it. `mark`: an id that was not used before, of an entry without content. */
  trimInbox(mark: string): Promise<void>;
  stop(): Promise<void>;
}

const RELAY_AT_ONCE = 500;

export function startPipeline(deps: PipelineDeps): Pipeline {
  const { store, inbox, commitments, positions, inboxKey, counters, filer } = deps;
  let relaying: Promise<void> | undefined;

  /** All that came before is in the record when its turn comes. */
  function placeBefore(agent: string): number {
    const before = store.keyEvents.predecessorOf(agent)?.lastSequence ?? 0;
    return Math.max(before, newestStored(store, agent)?.sequence ?? 0);
  }

  async function advance(entries: readonly JournalEntry[]): Promise<void> {
    for (const entry of entries) {
      if (isInboxMark(entry)) continue;
      const opened = openEntry(store, inboxKey, entry);
      if (!opened) setAsideAltered(deps, entry, placeBefore);
      else if (!store.batches.leafHashes(opened.id)) {
        filer.file(opened.id, opened.held, entry.body);
        if (opened.id !== entry.id) counters.add('inbox.mended');
      }
      await setImmediate(); // a revocation must not wait behind a long backlog
    }
    await relay();
  }

  /** What waits for people holds nothing of patients who are not in the record any more. */
  function forgetErased(): void {
    const isKnown = ({ leaves: [first] }: HeldBatch['segments'][number]) =>
      first !== undefined && store.patients.bySubject(decodeLeaf(first.body).subject) !== undefined;
    store.transaction(() => {
      for (const { batch, held } of store.quarantine.waiting()) {
        const opened = held && openHeldBatch(inboxKey, batch, held);
        if (!opened) continue;
        const segments = opened.segments.filter(isKnown);
        const withheldReadings = opened.withheldReadings.filter(({ subject }) => store.patients.bySubject(subject));
        const left =
          opened.segments.length + opened.withheldReadings.length - segments.length - withheldReadings.length;
        if (left === 0) continue;
        store.quarantine.replaceHeld(batch, sealHeldBatch(inboxKey, batch, { ...opened, segments, withheldReadings }));
      }
    });
  }

  /** Outbox to journal; marking them sent comes last, so a crash in between only sends them again. */
  function relay(): Promise<void> {
    relaying ??= relayAll().finally(() => {
      relaying = undefined;
    });
    return relaying;
  }

  async function relayAll(): Promise<void> {
    for (;;) {
      const unsent = store.commitments.unsent(RELAY_AT_ONCE);
      if (unsent.length === 0) return;
      await commitments.append(unsent.map((body) => ({ key: 'log', id: encodeHex(body), body })));
      store.transaction(() => {
        for (const commitment of unsent) store.commitments.markSent(commitment);
      });
    }
  }

  async function notePositions(entries: readonly JournalEntry[]): Promise<void> {
    store.transaction(() => {
      for (const { body } of entries) {
        const { commitment, index } = decodePosition(body);
        store.commitments.setLogIndex(commitment, index);
      }
    });
    deps.onLogged();
  }

  const filing: Follower = inbox.follow(
    'pipeline',
    async (entries) => {
      await advance(entries);
      // What is filed need not wait any longer; the newest entry stays so that the journal never looks new.
      await inbox.trim(entries.at(-1)!.position);
    },
    { onError: () => counters.add('pipeline.failed') },
  );
  const logging: Follower = positions.follow('record', notePositions, {
    onError: () => counters.add('positions.failed'),
  });

  return {
    async caughtUp() {
      await filing.caughtUp();
      await relay();
    },
    relay,
    file: (id, sealed) => filer.file(id, openHeldBatch(inboxKey, id, sealed), sealed),
    async trimInbox(mark) {
      // The newest entry is never trimmed, so the newest has to be one that holds nothing.
      const [position] = await inbox.append([markInbox(mark)]);
      await filing.caughtUp();
      await inbox.trim(position!);
      forgetErased();
    },
    async stop() {
      await Promise.all([filing.stop(), logging.stop()]);
      await relaying;
    },
  };
}
