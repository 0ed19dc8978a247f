/**
 * The disk of a simulated machine: a real folder, and beside it what of it would be there after a power cut. Harsher than
 * most file systems: content survives only up to the last fsync of its file, a name only up to the last fsync of its
 * folder, each on its own, and what was not synced is there, not there, or torn. For SQLite's own files see wal.ts.
 */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Random } from '../../simulators/random.ts';
import { cutWal } from './wal.ts';

/** Names of a folder, and the inode of each; folders are -1. */
type Listing = ReadonlyMap<string, number>;

const FOLDER = -1;
const SQLITE = /\.sqlite(?:-wal|-shm|-journal)?$/;

export interface DiskOptions {
  /** Its folder now. */
  readonly directory: string;
  /** True where a sync is a lie: nothing of this path, relative to the folder, is ever synced. */
  readonly isLie?: (path: string) => boolean;
}

export class Disk {
  readonly directory: string;
  readonly #isLie: (path: string) => boolean;
  /** Content of files as last synced, by inode. */
  readonly #files = new Map<number, Buffer>();
  /** Names as last synced, by path of the folder. */
  readonly #folders = new Map<string, Listing>();

  /** Everything that is there now is durable. */
  constructor({ directory, isLie = () => false }: DiskOptions) {
    this.directory = directory;
    this.#isLie = isLie;
    this.#scan('.');
  }

  has(path: string): boolean {
    return path.startsWith(`${this.directory}/`) || path === this.directory;
  }

  /** A file or folder of this disk was synced. */
  synced(path: string): void {
    const name = relative(this.directory, path) || '.';
    if (this.#isLie(name)) return;
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) this.#folders.set(name, list(path));
    else if (stat) this.#files.set(stat.ino, readFileSync(path));
  }

  /** A new file took an inode that another one may have had. */
  created(path: string): void {
    this.#files.delete(statSync(path).ino);
  }

  /** Makes a folder `to` of what a power cut now leaves. `synchronous`: of the SQLite databases here. */
  cut(to: string, synchronous: (path: string) => number, random: Random): void {
    const inodes = new Map<number, string>();
    this.#paths('.', inodes);
    this.#leave('.', to, inodes, synchronous, random);
  }

  #leave(
    folder: string,
    to: string,
    inodes: Map<number, string>,
    synchronous: (path: string) => number,
    random: Random,
  ): void {
    mkdirSync(join(to, folder), { recursive: true });
    const live = list(join(this.directory, folder));
    const durable = this.#folders.get(folder) ?? new Map<string, number>();
    for (const name of [...new Set([...durable.keys(), ...live.keys()])].sort()) {
      const path = join(folder, name);
      if (SQLITE.test(name)) {
        if (name.endsWith('.sqlite') && live.has(name) && (durable.has(name) || random() < 0.5)) {
          this.#leaveDatabase(path, to, synchronous(join(this.directory, path)), random);
        }
        continue;
      }
      const [before, now] = [durable.get(name), live.get(name)];
      const inode = before === now || random() < 0.5 ? now : before;
      if (inode === undefined) continue;
      if (inode === FOLDER) this.#leave(path, to, inodes, synchronous, random);
      else writeFileSync(join(to, path), this.#content(inode, inodes, random), { mode: this.#mode(path) });
    }
  }

  #leaveDatabase(path: string, to: string, synchronous: number, random: Random): void {
    const from = join(this.directory, path);
    copyFileSync(from, join(to, path));
    for (const part of ['-wal', '-journal']) {
      if (statSync(from + part, { throwIfNoEntry: false }) === undefined) continue;
      const bytes = readFileSync(from + part);
      writeFileSync(join(to, path + part), part === '-wal' ? cutWal(bytes, synchronous, random) : bytes, {
        mode: 0o600,
      });
    }
  }

  #content(inode: number, inodes: Map<number, string>, random: Random): Buffer {
    const durable = this.#files.get(inode) ?? Buffer.alloc(0);
    const path = inodes.get(inode);
    if (path === undefined) return durable;
    const live = readFileSync(join(this.directory, path));
    if (live.equals(durable)) return durable;
    const fate = random();
    if (fate < 0.4) return durable;
    if (fate < 0.6) return live;
    // The length came through, the content only in part.
    const torn = Buffer.alloc(live.length);
    live.copy(torn, 0, 0, Math.floor(random() * live.length));
    return torn;
  }

  #mode(path: string): number {
    return (statSync(join(this.directory, path), { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777;
  }

  #scan(folder: string): void {
    const path = join(this.directory, folder);
    const names = list(path);
    this.#folders.set(folder, names);
    for (const [name, inode] of names) {
      if (inode === FOLDER) this.#scan(join(folder, name));
      else if (!SQLITE.test(name)) this.#files.set(inode, readFileSync(join(path, name)));
    }
  }

  #paths(folder: string, inodes: Map<number, string>): void {
    for (const [name, inode] of list(join(this.directory, folder))) {
      if (inode === FOLDER) this.#paths(join(folder, name), inodes);
      else inodes.set(inode, join(folder, name));
    }
  }
}

function list(path: string): Listing {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return new Map();
  return new Map(
    readdirSync(path, { withFileTypes: true }).map((entry) => [
      entry.name,
      entry.isDirectory() ? FOLDER : statSync(join(path, entry.name)).ino,
    ]),
  );
}
