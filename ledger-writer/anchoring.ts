/**
 * Takes the newest published head to each anchor on a fixed interval, and keeps beside the log what came of it: a file of
 * evidence for each anchored size, and `status.json`. It reads the log as any outsider does and nothing waits for it.
 */
import { encodeAnchorStatus } from '../protocol/anchor-status.ts';
import { decodeUtf8, encodeUtf8 } from '../protocol/bytes.ts';
import { openCheckpoint } from '../protocol/checkpoint.ts';
import { isFault } from '../protocol/fault.ts';
import type { NoteKey } from '../protocol/signed-note.ts';
import { bindTiles, type ReadTile } from '../protocol/tlog-tiles.ts';
import type { Anchor, AnchorHead } from './anchor.ts';
import { LogFiles } from './log-files.ts';
import { sha256 } from './log-tiles.ts';

export interface AnchoringConfig {
  readonly anchors: readonly Anchor[];
  /** The log's public files. */
  readonly readLog: ReadTile;
  readonly logKey: NoteKey;
  /** `anchors/` below the log's served directory. */
  readonly directory: string;
  /** From one head to the next; 600,000 ms by default. */
  readonly intervalMs?: number;
  /** From one look at what is under way to the next; 5,000 ms by default. */
  readonly pollMs?: number;
  /** Told when an anchor's trouble begins, changes or ends (`undefined`). */
  readonly onTrouble?: (name: string, error: unknown) => void;
  /** Told of each head that became final. */
  readonly onAnchored?: (name: string, size: number) => void;
}

export interface Anchoring {
  /** One head to each anchor now, and one round of looking after it; never rejects. For tests and for a last round. */
  round(): Promise<void>;
  /** Gives up what is waited for and closes the anchors; the next start takes it up. */
  stop(): Promise<void>;
}

/** What stands in the way of each of the two, as `code: message`; empty for nothing. */
interface Troubles {
  submit: string;
  attend: string;
}

/** Submits at once, then on the interval. Anchors do not wait for each other. Throws what writing the folder throws. */
export async function startAnchoring(config: AnchoringConfig): Promise<Anchoring> {
  const { anchors, readLog, logKey, directory, intervalMs = 600_000, pollMs = 5000 } = config;
  const { onTrouble = () => {}, onAnchored = () => {} } = config;
  const files = new LogFiles(directory);
  const troubles = new Map<Anchor, Troubles>(anchors.map((anchor) => [anchor, { submit: '', attend: '' }]));
  const published = new Map<Anchor, string>();
  const running = new Map<Anchor, Promise<void>>();
  const timers: NodeJS.Timeout[] = [];
  let writing: Promise<void> = Promise.resolve();
  let status = '';
  let stopped = false;

  async function readHead(): Promise<AnchorHead | undefined> {
    const note = await readLog('checkpoint');
    if (!note) return undefined;
    const { checkpoint } = openCheckpoint(decodeUtf8(note), [logKey], logKey.name);
    const bound = () => bindTiles(checkpoint, readLog, sha256);
    return {
      size: checkpoint.size,
      root: checkpoint.root,
      rootAt: async (size) => (await bound()).rootAt(size),
      consistencyFrom: async (size) => (await bound()).proveConsistency(size),
    };
  }

  /** One after another for each anchor: what is asked for while it is at work follows. */
  function run(anchor: Anchor, step: keyof Troubles, work: () => Promise<void>): Promise<void> {
    const done = (running.get(anchor) ?? Promise.resolve()).then(async () => {
      let trouble: unknown;
      try {
        await work();
      } catch (error) {
        trouble = error;
      }
      await note(anchor, step, trouble);
    });
    running.set(anchor, done);
    return done;
  }

  async function note(anchor: Anchor, step: keyof Troubles, error: unknown): Promise<void> {
    if (stopped) return;
    const mine = troubles.get(anchor)!;
    const told = error === undefined ? '' : isFault(error) ? `${error.code}: ${error.message}` : 'failed';
    const changed = told !== mine[step];
    mine[step] = told;
    if (changed && (error !== undefined || troubleOf(anchor) === '')) onTrouble(anchor.name, error);
    writing = writing.then(publish).catch((failure: unknown) => onTrouble(anchor.name, failure));
    await writing;
  }

  function troubleOf(anchor: Anchor): string {
    const { submit, attend } = troubles.get(anchor)!;
    return attend || submit;
  }

  /** Evidence before the status that speaks of it. */
  async function publish(): Promise<void> {
    for (const anchor of anchors) {
      const newest = anchor.anchored;
      if (!newest || published.get(anchor) === newest.evidence) continue;
      await files.replace(`${anchor.name}/${newest.size}.json`, encodeUtf8(newest.evidence));
      await files.sync();
      published.set(anchor, newest.evidence);
      onAnchored(anchor.name, newest.size);
    }
    const next = encodeAnchorStatus(
      anchors.map((anchor) => ({
        name: anchor.name,
        size: anchor.anchored?.size ?? 0,
        ...(anchor.anchored?.isDoubtful && { doubtful: true as const }),
        ...(anchor.pending !== undefined && { pending: anchor.pending }),
        ...(troubleOf(anchor) && { trouble: troubleOf(anchor).split(':', 1)[0]! }),
      })),
    );
    if (next === status) return;
    await files.replace('status.json', encodeUtf8(next));
    await files.sync();
    status = next;
  }

  function submit(anchor: Anchor): Promise<void> {
    return run(anchor, 'submit', async () => {
      const head = await readHead();
      if (head) await anchor.submit(head);
    });
  }

  function attend(anchor: Anchor): Promise<void> {
    return run(anchor, 'attend', () => anchor.attend());
  }

  await files.prepare();
  await publish();
  for (const anchor of anchors) {
    void submit(anchor);
    timers.push(setInterval(() => void submit(anchor), intervalMs));
    let busy = false;
    const poll = async () => {
      // What an outage kept back goes out when it ends: that tells of the outage, not of the log.
      const late = troubles.get(anchor)!.submit.startsWith('unavailable');
      if (busy || (anchor.pending === undefined && !late)) return;
      busy = true;
      await (late ? submit(anchor) : attend(anchor));
      busy = false;
    };
    timers.push(setInterval(() => void poll(), pollMs));
  }
  return {
    async round() {
      await Promise.all(anchors.flatMap((anchor) => [submit(anchor), attend(anchor)]));
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      for (const timer of timers) clearInterval(timer);
      for (const anchor of anchors) anchor.close();
      await Promise.all([...running.values(), writing]);
    },
  };
}
