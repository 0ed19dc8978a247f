/**
 * The tile log on disk (C2SP tlog-tiles), to be served as static files: `checkpoint` and `tile/`.
 *
 * The order that makes a signature safe, each step durable before the next begins:
 *
 *     entries (state) -> bundles and tiles (files) -> checkpoint signed, by compare-and-swap (state) -> published (file)
 *
 * A log that asks for a quorum of witnesses publishes only what so many of them cosigned. What is signed stays signed: the
 * next checkpoint extends it, published or not. Cosignatures live in the published note alone; those of a checkpoint that
 * was not published are asked for again after a crash.
 *
 * The entries are the truth and every later step follows from them alone, so a crash anywhere is mended by doing the
 * rest again: {@link openLog} and {@link Log.integrate} are the same code. What cannot come from a crash (a rolled back
 * or edited directory, another key, a state that is older than what was published) is refused and never repaired.
 */
import { decodeUtf8, encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { type Checkpoint, openCheckpoint, signCheckpoint } from '../protocol/checkpoint.ts';
import type { WitnessKey } from '../protocol/cosignature.ts';
import { Fault } from '../protocol/fault.ts';
import { hashLeaf } from '../protocol/merkle.ts';
import { type NoteKey, type NoteSignature, type NoteSigner, noteSignerOf, parseNote } from '../protocol/signed-note.ts';
import { type TileCoordinate, tilePath } from '../protocol/tile-paths.ts';
import { bindTiles } from '../protocol/tlog-tiles.ts';
import { countWitnesses, mendCosignatures, takeCosignatures } from './cosigned-note.ts';
import { LogFiles } from './log-files.ts';
import { type LogState, openLogState } from './log-state.ts';
import { readEdge, sha256, writeTiles } from './log-tiles.ts';
import { TreeEdge } from './tree-edge.ts';

/** Steps of {@link Log.append} and {@link Log.integrate} at which a test may make the log fail. */
export type LogStep = 'entries' | 'tiles' | 'sign' | 'publish';

export interface LogConfig {
  /** What is served: `checkpoint` and `tile/`. */
  readonly directory: string;
  /** File of the private state; keep it with the key, not with the served files. */
  readonly state: string;
  /** Name of the log, and of its key in signatures. */
  readonly origin: string;
  /** 32-octet Ed25519 seed. */
  readonly seed: Uint8Array;
  /** Allows a new log where neither files nor state are there. Without it, that is `missing`: a log was lost. */
  readonly create?: boolean;
  /** Whose cosignatures are taken. None by default. */
  readonly witnesses?: readonly WitnessKey[];
  /** Witnesses that must have cosigned a checkpoint before it is published; 0 by default. The empty log needs none. */
  readonly quorum?: number;
  /** For tests: throws where a step would fail, before it ("did not happen") or after it ("failed but did"). */
  readonly faults?: (step: LogStep, moment: 'before' | 'after') => void;
}

/** A signed tree head and its note. */
export interface SignedHead {
  readonly checkpoint: Checkpoint;
  readonly note: string;
}

/**
 * One writer's log. Calls are done one after another. When one fails, nothing is retried in place: the next call opens
 * and recovers first, and may then throw what {@link openLog} throws.
 */
export interface Log {
  readonly key: NoteKey;
  /** The published head. */
  readonly head: SignedHead;
  /** What the key signed last, with the cosignatures it has so far; ahead of the published head until it has enough. */
  readonly signed: SignedHead;
  /** Durable when resolved. The index of each entry; an entry that is already there keeps its index. */
  append(entries: readonly Uint8Array[]): Promise<readonly number[]>;
  /** Makes the tree cover every entry taken so far, signs, and publishes if it may; resolves with the published head. */
  integrate(): Promise<SignedHead>;
  /**
   * Adds cosignatures of the checkpoint with this text and publishes it once they are enough, and again with each more.
   * Takes nothing that is not a witness's for what is signed last. Resolves with the published head.
   */
  addCosignatures(text: string, lines: readonly NoteSignature[]): Promise<SignedHead>;
  /** Consistency proof from a smaller tree to the one with this text, or undefined when it is not signed last any more. */
  proveConsistency(text: string, size1: number): Promise<readonly Uint8Array[] | undefined>;
  indexOf(entry: Uint8Array): Promise<number | undefined>;
  /** Entries `[start, end)` that were taken. */
  range(start: number, end: number): Promise<readonly Uint8Array[]>;
  close(): Promise<void>;
}

/**
 * Opens the log and completes what a crash left. Throws `unavailable` when another writer has it open, `missing` when
 * there is no log and none may be created or when files or state are gone, `bad-signature` or `wrong-key` when it is
 * another key's or origin's, `inconsistent` when files and state contradict each other.
 */
export async function openLog(config: LogConfig): Promise<Log> {
  const log = new TileLog(config);
  await log.open();
  return log;
}

interface Opened {
  readonly state: LogState;
  readonly files: LogFiles;
  edge: TreeEdge;
  /** The note as the state holds it, for the next compare-and-swap. */
  inState: string;
  signed: SignedHead;
  /** What is published; undefined for a moment in a new log. */
  head: SignedHead | undefined;
  /** Tiles that are full in what was signed and may be needed in part for what is published. */
  full: TileCoordinate[];
}

class TileLog implements Log {
  readonly #config: LogConfig;
  readonly #signer: NoteSigner;
  #opened: Opened | undefined;
  #closed = false;
  #queue: Promise<unknown> = Promise.resolve();
  #head: SignedHead | undefined;
  #signed: SignedHead | undefined;

  constructor(config: LogConfig) {
    this.#config = config;
    this.#signer = noteSignerOf(config.origin, config.seed);
  }

  get key(): NoteKey {
    const { name, keyId, publicKey } = this.#signer;
    return { name, keyId, publicKey };
  }

  get head(): SignedHead {
    if (this.#head === undefined) throw new Fault('unavailable', 'the log was never open');
    return this.#head;
  }

  get signed(): SignedHead {
    if (this.#signed === undefined) throw new Fault('unavailable', 'the log was never open');
    return this.#signed;
  }

  open(): Promise<void> {
    return this.#run(async () => {});
  }

  append(entries: readonly Uint8Array[]): Promise<readonly number[]> {
    return this.#run(async ({ state }) => {
      this.#fail('entries', 'before');
      const indexes = state.append(entries);
      // Durable line: the entries survive a power cut and will be in the tree.
      this.#fail('entries', 'after');
      return indexes;
    });
  }

  integrate(): Promise<SignedHead> {
    return this.#run(async (opened) => {
      await this.#integrate(opened);
      return this.#publish(opened);
    });
  }

  addCosignatures(text: string, lines: readonly NoteSignature[]): Promise<SignedHead> {
    return this.#run(async (opened) => {
      if (parseNote(opened.signed.note).text === text) {
        const note = takeCosignatures(opened.signed.note, lines, this.#witnesses);
        this.#setSigned(opened, { ...opened.signed, note });
      }
      return this.#publish(opened);
    });
  }

  proveConsistency(text: string, size1: number): Promise<readonly Uint8Array[] | undefined> {
    return this.#run(async ({ signed, files }) => {
      if (parseNote(signed.note).text !== text) return undefined;
      return (await bindTiles(signed.checkpoint, (path) => files.read(path), sha256)).proveConsistency(size1);
    });
  }

  indexOf(entry: Uint8Array): Promise<number | undefined> {
    return this.#run(async ({ state }) => state.indexOf(entry));
  }

  range(start: number, end: number): Promise<readonly Uint8Array[]> {
    return this.#run(async ({ state }) => state.range(start, end));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#queue.catch(() => {});
    this.#opened?.state.close();
    this.#opened = undefined;
  }

  #run<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
    const result = this.#queue.then(async () => {
      if (this.#closed) throw new Fault('unavailable', 'the log is closed');
      try {
        this.#opened ??= await this.#recover();
        return await work(this.#opened);
      } catch (error) {
        this.#opened?.state.close();
        this.#opened = undefined;
        if (error instanceof Fault) throw error;
        throw Object.assign(new Fault('unavailable', 'the log could not be written', 'unknown'), { cause: error });
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  get #witnesses(): readonly WitnessKey[] {
    return this.#config.witnesses ?? [];
  }

  async #recover(): Promise<Opened> {
    const files = new LogFiles(this.#config.directory);
    const state = openLogState(this.#config.state);
    try {
      await files.prepare();
      const { inState, signed, head } = await this.#lastSigned(files, state);
      const edge = await readEdge(signed.checkpoint, files, state);
      const opened: Opened = { state, files, edge, inState, signed, head, full: [] };
      this.#setSigned(opened, signed);
      await this.#publish(opened);
      return opened;
    } catch (error) {
      state.close();
      throw error;
    }
  }

  /** What the key signed last, after comparing it with what is published. */
  async #lastSigned(files: LogFiles, state: LogState): Promise<Pick<Opened, 'inState' | 'signed' | 'head'>> {
    const note = state.signed();
    const file = await files.read('checkpoint');
    if (note === undefined) {
      if (file !== undefined || !(await files.isEmpty()))
        throw new Fault('missing', 'the state of the log is not there');
      if (!this.#config.create) throw new Fault('missing', 'no log where one should be');
      const first = this.#sign(state, undefined, 0, new TreeEdge(sha256).root());
      return { inState: first.note, signed: first, head: undefined };
    }
    const signed = this.#openNote(note);
    if (file === undefined) {
      // Only the very first checkpoint can have been signed without any published before it.
      if (signed.checkpoint.size > 0) throw new Fault('missing', 'the files of the log are not there');
      return { inState: note, signed, head: undefined };
    }
    const head = this.#openNote(decodeUtf8(file));
    const published = head.checkpoint;
    if (published.size > signed.checkpoint.size) throw new Fault('inconsistent', 'the state is older than the log');
    const tiles = await bindTiles(signed.checkpoint, (path) => files.read(path), sha256);
    const publishedRoot = await tiles.rootAt(published.size);
    if (!equalBytes(publishedRoot, published.root)) throw new Fault('inconsistent', 'the log is not what was signed');
    const last = signed.checkpoint.size - 1;
    const [entry] = state.range(Math.max(last, 0), last + 1);
    if (entry !== undefined && !equalBytes(hashLeaf(entry, sha256), await tiles.leafHash(last))) {
      throw new Fault('inconsistent', 'the state holds other entries than the log');
    }
    if (published.size < signed.checkpoint.size) return { inState: note, signed, head };
    return { inState: note, signed: { ...signed, note: mendCosignatures(head.note, this.#witnesses) }, head };
  }

  #openNote(note: string): SignedHead {
    return { checkpoint: openCheckpoint(note, [this.#signer], this.#config.origin).checkpoint, note };
  }

  async #integrate(opened: Opened): Promise<void> {
    const { state, files, signed } = opened;
    const size = state.count();
    if (size === signed.checkpoint.size) return;
    this.#fail('tiles', 'before');
    opened.full.push(...(await writeTiles(opened, signed.checkpoint.size, size)));
    await files.sync();
    // Durable line: the tree of this size is on disk, and may be signed.
    this.#fail('tiles', 'after');
    const next = this.#sign(state, opened.inState, size, opened.edge.root());
    opened.inState = next.note;
    this.#setSigned(opened, next);
  }

  /** From here on the key has signed this tree and may never sign one that does not extend it. */
  #sign(state: LogState, previous: string | undefined, size: number, root: Uint8Array): SignedHead {
    this.#fail('sign', 'before');
    const note = signCheckpoint({ origin: this.#config.origin, size, root }, [this.#signer]);
    if (!state.swapSigned(previous, note)) throw new Fault('inconsistent', 'another writer signed a checkpoint');
    this.#fail('sign', 'after');
    return this.#openNote(note);
  }

  #setSigned(opened: Opened, signed: SignedHead): void {
    opened.signed = signed;
    this.#signed = signed;
  }

  /** Publishes what is signed last, if it may be and if that is news; the published head. */
  async #publish(opened: Opened): Promise<SignedHead> {
    const { signed, head } = opened;
    if (head !== undefined && (head.note === signed.note || !this.#mayPublish(signed))) {
      this.#head = head;
      return head;
    }
    this.#fail('publish', 'before');
    await opened.files.replace('checkpoint', encodeUtf8(signed.note));
    await opened.files.sync();
    opened.head = signed;
    this.#head = signed;
    this.#fail('publish', 'after');
    // Readers take the full ones from now on.
    for (const tile of opened.full.splice(0)) await opened.files.removeDirectory(`${tilePath(tile)}.p`);
    return signed;
  }

  #mayPublish({ checkpoint, note }: SignedHead): boolean {
    return checkpoint.size === 0 || countWitnesses(note, this.#witnesses) >= (this.#config.quorum ?? 0);
  }

  #fail(step: LogStep, moment: 'before' | 'after'): void {
    this.#config.faults?.(step, moment);
  }
}
