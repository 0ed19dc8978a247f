/** Files of a log that are durable before they are seen: temporary file, fsync, rename, fsync of the directories. */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { equalBytes } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';

/** Below the log's directory, beside what C2SP names; emptied when the log is opened. */
const TEMPORARY = '.tmp';

export class LogFiles {
  readonly #directory: string;
  readonly #touched = new Set<string>();
  readonly #named = new Set<string>();
  #temporaries = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Removes what a crash left half written. */
  async prepare(): Promise<void> {
    await rm(join(this.#directory, TEMPORARY), { recursive: true, force: true });
    await mkdir(join(this.#directory, TEMPORARY), { recursive: true });
    await syncDirectory(dirname(this.#directory));
  }

  /** True when nothing of a log is there. */
  async isEmpty(): Promise<boolean> {
    const names = await readdir(this.#directory).catch(absent);
    return (names ?? []).every((name) => name === TEMPORARY);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    const bytes = await readFile(join(this.#directory, path)).catch(absent);
    return bytes === undefined ? undefined : new Uint8Array(bytes);
  }

  /**
   * Writes a file that never changes. The same content again is no work (a crash repeats the last step); other content
   * is `inconsistent`. Durable after {@link LogFiles.sync}.
   */
  async writeImmutable(path: string, bytes: Uint8Array): Promise<void> {
    const there = await this.read(path);
    if (there === undefined) return this.replace(path, bytes);
    if (!equalBytes(there, bytes)) throw new Fault('inconsistent', 'a file of the log is not what was written');
    this.#touch(path); // a crash may have come between the file and the sync of its directories
  }

  /** Writes a file atomically; readers see the old content or the new. Durable after {@link LogFiles.sync}. */
  async replace(path: string, bytes: Uint8Array): Promise<void> {
    const target = join(this.#directory, path);
    const temporary = join(this.#directory, TEMPORARY, String(this.#temporaries++));
    await mkdir(dirname(target), { recursive: true });
    const file = await open(temporary, 'w', 0o644);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
    this.#touch(path);
  }

  /** Syncs every directory that names something new. */
  async sync(): Promise<void> {
    const directories = [...this.#touched];
    this.#touched.clear();
    await Promise.all(directories.map((directory) => syncDirectory(join(this.#directory, directory))));
    for (const directory of directories) this.#named.add(directory);
  }

  /** Removes a directory that is no longer served; not durable, because doing it again is harmless. */
  async removeDirectory(path: string): Promise<void> {
    await rm(join(this.#directory, path), { recursive: true, force: true });
  }

  /** Marks the file's directory, and those above it whose own names this process has not yet synced. */
  #touch(path: string): void {
    for (let at = dirname(path); ; at = dirname(at)) {
      this.#touched.add(at);
      if (at === '.' || this.#named.has(at)) return;
    }
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function absent(error: unknown): undefined {
  const code = (error as { code?: unknown }).code;
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
}
