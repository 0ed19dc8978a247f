/** What a power cut may leave of an SQLite write-ahead log (https://sqlite.org/fileformat2.html#walformat). */
import type { Random } from '../../simulators/random.ts';

const HEADER = 32;
const FRAME_HEADER = 24;

interface Frames {
  /** Octets up to and with the last frame of a committed transaction. */
  readonly committed: number;
  /** Ends of all valid frames of committed transactions, in order. */
  readonly ends: readonly number[];
}

function readFrames(wal: Buffer): Frames {
  if (wal.length < HEADER) return { committed: 0, ends: [] };
  const size = FRAME_HEADER + wal.readUInt32BE(8);
  const salt = wal.subarray(16, 24);
  const ends: number[] = [];
  let committed = HEADER;
  for (let at = HEADER; at + size <= wal.length; at += size) {
    // A frame of an earlier round of the log has another salt; a torn one the wrong checksum, but we never read those.
    if (!wal.subarray(at + 8, at + 16).equals(salt)) break;
    ends.push(at + size);
    if (wal.readUInt32BE(at + 4) !== 0) committed = at + size;
  }
  return { committed, ends: ends.filter((end) => end <= committed) };
}

/** Pages after which SQLite copies the log into the database by itself. */
const AUTO_CHECKPOINT = 1000;

/**
 * The log after a cut. With `synchronous=FULL` (2) every committed transaction was synced, and only what comes behind it
 * is anything. Below, nothing was synced since the last checkpoint, and the log ends after any of its frames.
 */
export function cutWal(wal: Buffer, synchronous: number, random: Random): Buffer {
  const { committed, ends } = readFrames(wal);
  let keep = committed;
  if (synchronous < 2 && ends.length > 0 && ends.length < AUTO_CHECKPOINT) {
    const last = Math.floor(random() * (ends.length + 1));
    keep = last === 0 ? 0 : ends[last - 1]!;
  }
  const kept = Buffer.from(wal.subarray(0, keep));
  if (random() < 0.3) return kept;
  // A transaction that was being written: part of a frame, whole frames without their commit, or whatever lay there.
  const torn = Buffer.alloc(Math.floor(random() * 9000));
  for (let i = 0; i + 4 <= torn.length; i += 8) torn.writeUInt32LE(Math.floor(random() * 2 ** 32), i);
  if (keep >= HEADER && torn.length >= 16 && random() < 0.5) wal.copy(torn, 8, 16, 24); // its salt fits, its checksum not
  return Buffer.concat([kept, torn]);
}
