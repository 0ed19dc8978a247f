/**
 * Carries commitments into the log and their positions back: a follower of the commitments journal, a checkpoint on an
 * interval, and the positions journal. Everything it does may be done twice: the log keeps the index of an entry that it
 * has, and the positions journal holds exactly one entry for each index, in order, so that its end says what is told.
 */
import type { Follower, Journal, JournalEntry } from '../journal/journal.ts';
import { encodeHex, equalBytes } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';
import { decodePosition, encodePosition } from '../protocol/position.ts';
import type { Log, SignedHead } from './log.ts';
import type { Witnesses } from './witnesses.ts';

/** Name of the writer's cursor in the commitments journal. */
const FOLLOWER = 'ledger-writer';

/** Octets of a commitment. */
const COMMITMENT_LENGTH = 32;

/** Positions told in one append. */
const TELL_LIMIT = 2048;

export interface LedgerWriterConfig {
  /** Entries whose body is a 32-octet commitment and whose id is its hex. */
  readonly commitments: Journal;
  /** Where {@link encodePosition} of each commitment goes, id its hex; nobody else appends to it. */
  readonly positions: Journal;
  readonly log: Log;
  /** Of this log; the caller stops them. None by default. */
  readonly witnesses?: Witnesses;
  /** From one checkpoint to the next; 1,000 ms by default. Only a tree that has grown gets one. */
  readonly intervalMs?: number;
  /** Told of each failure; the writer tries again. */
  readonly onError?: (error: unknown) => void;
  /** Told of each head that was published. */
  readonly onCheckpoint?: (head: SignedHead) => void;
}

export interface LedgerWriter {
  /**
   * Takes every commitment that is in the journal now, checkpoints, and tells the positions. Rejects when that fails, with
   * `unavailable` when too few witnesses cosigned for it to be published.
   */
  flush(): Promise<void>;
  /** Finishes what it took and stops; the journals and the log stay open. */
  stop(): Promise<void>;
}

/** Starts following and checkpoints at once what an earlier run left. */
export function startLedgerWriter(config: LedgerWriterConfig): LedgerWriter {
  const { commitments, positions, log, witnesses } = config;
  const { intervalMs = 1000, onError = () => {}, onCheckpoint = () => {} } = config;
  let queue: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let published = -1;
  let checked = false;
  let asked = false;

  const follower: Follower = commitments.follow(FOLLOWER, take, { batchSize: 4096, onError });

  async function take(entries: readonly JournalEntry[]): Promise<void> {
    for (const { body } of entries) {
      if (body.length !== COMMITMENT_LENGTH) throw new Fault('size', 'a commitment has 32 octets');
    }
    await log.append(entries.map(({ body }) => body));
  }

  /** One checkpoint at a time, in the order asked for. */
  function checkpoint(): Promise<void> {
    const done = queue.then(async () => {
      // Before anything is signed: a log that was rolled back learns it from those who saw it go further.
      if (!asked) await witnesses?.cosign('all');
      asked = true;
      if (witnesses?.isContradicted()) {
        await witnesses.cosign(); // or it would stay so, were it mended
        throw new Fault('inconsistent', 'witnesses have cosigned what this log has not signed', 'later');
      }
      await log.integrate();
      await witnesses?.cosign();
      const { head } = log;
      if (head.checkpoint.size !== published) onCheckpoint(head);
      published = head.checkpoint.size;
      await tell(head.checkpoint.size);
    });
    queue = done.catch(() => {});
    return done;
  }

  /** Appends the positions below the tree size that were not told yet. Durable before it resolves. */
  async function tell(treeSize: number): Promise<void> {
    if (!checked) await checkTold(treeSize);
    checked = true;
    for (let told = await positions.end(); told < treeSize; ) {
      const entries = await log.range(told, Math.min(treeSize, told + TELL_LIMIT));
      const expected = entries.map((_, i) => told + i);
      const given = await positions.append(
        entries.map((commitment, i) => ({
          key: 'positions',
          id: encodeHex(commitment),
          body: encodePosition({ commitment, index: told + i, treeSize }),
        })),
      );
      if (given.some((position, i) => position !== expected[i])) throw otherLog();
      told += entries.length;
    }
  }

  /** The last position told must be of this log; a longer or other journal belongs to another one. */
  async function checkTold(treeSize: number): Promise<void> {
    const end = await positions.end();
    if (end > treeSize) throw otherLog();
    const [last] = end === 0 ? [] : await positions.read(end - 1, 1);
    if (last === undefined) return; // none, or trimmed
    const { index, commitment } = decodePosition(last.body);
    const [entry] = await log.range(index, index + 1);
    if (index !== end - 1 || entry === undefined || !equalBytes(entry, commitment)) throw otherLog();
  }

  function schedule(ms: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      checkpoint()
        .catch(onError)
        .finally(() => schedule(intervalMs));
    }, ms);
  }

  schedule(0);
  return {
    async flush() {
      await follower.caughtUp();
      await checkpoint();
      if (log.head.checkpoint.size < log.signed.checkpoint.size)
        throw new Fault('unavailable', 'too few witnesses cosigned', 'later');
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await follower.stop();
      await checkpoint().catch(onError);
      clearTimeout(timer);
    },
  };
}

function otherLog(): Fault {
  return new Fault('inconsistent', 'the positions journal is of another log');
}
