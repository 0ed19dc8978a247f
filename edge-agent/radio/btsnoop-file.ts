/** A btsnoop file on disk that grows with every packet and only its owner can read. */
import { closeSync, constants, fchmodSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { Fault } from '../../protocol/fault.ts';
import {
  encodeBtsnoopHeader,
  encodeBtsnoopRecord,
  HEADER_LENGTH,
  type PacketSink,
  RECORD_HEADER_LENGTH,
} from './btsnoop.ts';

/** What the reader of the simulators still opens. */
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

export interface BtsnoopFileOptions {
  readonly path: string;
  /** The recording stops before the file grows beyond it; 256 MiB by default. */
  readonly maxBytes?: number;
  /** Called once, when the recording stops before it is closed: the file is full, or the disk failed. */
  readonly onStopped?: (why: 'full' | 'failed') => void;
}

/**
 * Opens a file of mode 0600 for recording and makes it if there is none. To a file that is there, records are
 * appended; half a record at its end, left by a crash, is cut off. Throws `malformed` when it is not a recording of
 * this kind, and what the file system throws.
 *
 * Each packet is written when it is seen, so a crash of the process loses none; a power cut may.
 */
export function openBtsnoopFile(options: BtsnoopFileOptions): PacketSink {
  const { path, maxBytes = DEFAULT_MAX_BYTES, onStopped } = options;
  // A link would put the recording, or its mode, where nobody expects it.
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  let file: number | undefined = openSync(path, flags, 0o600);
  let size: number;
  try {
    fchmodSync(file, 0o600);
    size = prepare(file);
  } catch (error) {
    closeSync(file);
    throw error;
  }

  const stop = (): void => {
    if (file === undefined) return;
    const open = file;
    file = undefined;
    try {
      closeSync(open);
    } catch {
      // The descriptor is gone either way.
    }
  };
  return {
    record(packet, direction, at) {
      if (file === undefined) return;
      const record = encodeBtsnoopRecord(packet, direction, at);
      try {
        if (size + record.length > maxBytes) {
          stop();
          onStopped?.('full');
          return;
        }
        for (let done = 0; done < record.length; ) done += writeSync(file, record, done);
        size += record.length;
      } catch {
        stop();
        onStopped?.('failed');
      }
    },
    close: stop,
  };
}

/** Leaves a header and whole records only; returns the size. */
function prepare(file: number): number {
  const size = fstatSync(file).size;
  const header = encodeBtsnoopHeader();
  const found = Buffer.alloc(HEADER_LENGTH);
  const length = readSync(file, found, 0, HEADER_LENGTH, 0);
  if (!found.subarray(0, length).equals(header.subarray(0, length))) {
    throw new Fault('malformed', 'the file to append to is not a btsnoop recording of H4');
  }
  if (length < HEADER_LENGTH) {
    ftruncateSync(file, 0);
    writeSync(file, header);
    return HEADER_LENGTH;
  }
  let end = HEADER_LENGTH;
  const head = Buffer.alloc(RECORD_HEADER_LENGTH);
  while (readSync(file, head, 0, RECORD_HEADER_LENGTH, end) === RECORD_HEADER_LENGTH) {
    const next = end + RECORD_HEADER_LENGTH + head.readUInt32BE(4);
    if (next > size) break;
    end = next;
  }
  if (end < size) ftruncateSync(file, end);
  return end;
}
