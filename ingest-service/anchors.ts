/** What the ledger writer's anchors left beside the log: how far each is, and the evidence that goes into receipts. */
import { decodeEvidence, type EvmEvidence } from '../protocol/anchor-evidence.ts';
import { ANCHOR_STATUS_PATH, type AnchorStatus, decodeAnchorStatus, evidencePath } from '../protocol/anchor-status.ts';
import { decodeUtf8 } from '../protocol/bytes.ts';
import { isFault } from '../protocol/fault.ts';
import type { ReceiptAnchor } from '../protocol/receipt.ts';
import { proveInclusion, type ReadTile } from '../protocol/tlog-tiles.ts';

/** *k of n* for one entry of the log: the anchors that hold it for good, of those there are. */
export interface AnchorCount {
  readonly held: number;
  readonly of: number;
}

/** A file that is not there or not whole speaks for no anchor; the log needs none. */
async function readOr<T>(readLog: ReadTile, path: string, decode: (text: string) => T): Promise<T | undefined> {
  const bytes = await readLog(path);
  try {
    return bytes && decode(decodeUtf8(bytes));
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

/** Newest evidence of every anchor that has any; what is doubtful shows nobody anything. */
export async function readEvidence(readLog: ReadTile): Promise<EvmEvidence[]> {
  const found: EvmEvidence[] = [];
  for (const { name, size, doubtful } of (await readOr(readLog, ANCHOR_STATUS_PATH, decodeAnchorStatus)) ?? []) {
    const evidence = size > 0 && !doubtful && (await readOr(readLog, evidencePath(name, size), decodeEvidence));
    if (evidence) found.push(evidence);
  }
  return found;
}

/** The anchors that hold the entry at an index, each with the entry's path to the anchored root. */
export async function anchorsOf(readLog: ReadTile, index: number): Promise<ReceiptAnchor[]> {
  const anchors: ReceiptAnchor[] = [];
  for (const evidence of await readEvidence(readLog)) {
    if (index >= evidence.size) continue;
    try {
      anchors.push({ evidence, path: await proveInclusion(evidence, index, readLog) });
    } catch (error) {
      // Evidence for another tree than the log's own is no reason to withhold the receipt.
      if (!isFault(error)) throw error;
    }
  }
  return anchors;
}

export interface AnchorWatch {
  /** Absent where there is no anchor; an entry without a place in the log is held by none. */
  countOf(index: number | undefined): AnchorCount | undefined;
  stop(): void;
}

/** Looks at the status every so often, and says when it has changed. */
export async function watchAnchors(readLog: ReadTile, onChange: () => void, everyMs = 1000): Promise<AnchorWatch> {
  const read = async () => (await readOr(readLog, ANCHOR_STATUS_PATH, decodeAnchorStatus)) ?? [];
  let anchors = await read();
  let stopped = false;

  async function look(): Promise<void> {
    const next = await read();
    const changed = sizesOf(next) !== sizesOf(anchors);
    anchors = next;
    if (changed && !stopped) onChange();
  }

  const timer = setInterval(() => void look().catch(() => {}), everyMs);
  return {
    countOf(index) {
      if (anchors.length === 0) return undefined;
      const held = anchors.filter(({ size, doubtful }) => index !== undefined && index < size && !doubtful).length;
      return { held, of: anchors.length };
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

function sizesOf(anchors: readonly AnchorStatus[]): string {
  return anchors.map(({ name, size, doubtful }) => `${name} ${size} ${doubtful ?? ''}`).join();
}
