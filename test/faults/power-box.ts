/**
 * A disk whose power can be cut: a file with ext4 on a loop device. The shutdown ioctl without flushing drops everything
 * that was not synced, as a machine does that loses its power; what comes back is what its journal and its fsyncs kept.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `FS_IOC_SHUTDOWN`, and its flag to leave the journal where it is (ext4). */
const SHUTDOWN = `
import fcntl, os, struct, sys
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))
`;

/** Why no power can be cut here; `undefined` when it can. */
export function whyNoPowerCuts(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may mount a disk';
  for (const [program, argument] of [
    ['mkfs.ext4', '-V'],
    ['losetup', '--version'],
    ['python3', '--version'],
  ] as const) {
    try {
      execFileSync(program, [argument], { stdio: 'ignore' });
    } catch {
      return `${program} is not here`;
    }
  }
  try {
    new PowerBox(16).close();
    return undefined;
  } catch {
    return 'no loop device can be mounted here';
  }
}

export class PowerBox {
  /** Where the disk is mounted. */
  readonly directory: string;
  readonly #folder: string;
  readonly #image: string;

  constructor(megabytes: number) {
    this.#folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'veravita-disk-'));
    this.#image = join(this.#folder, 'image');
    this.directory = join(this.#folder, 'mounted');
    mkdirSync(this.directory);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, megabytes * 1024 * 1024);
    execFileSync('mkfs.ext4', ['-q', '-m', '0', this.#image]);
    this.mount();
  }

  /** From now on nothing can be written, and nothing that was not synced is there any more. Then end who uses it, and unmount. */
  cut(): void {
    if (!readFileSync('/proc/mounts', 'utf8').includes(this.directory)) {
      throw new Error(`somebody else unmounted ${this.directory}: this run says nothing`);
    }
    execFileSync('python3', ['-c', SHUTDOWN, this.directory]);
  }

  mount(): void {
    execFileSync('mount', ['-o', 'loop', this.#image, this.directory]);
  }

  unmount(): void {
    execFileSync('umount', [this.directory]);
  }

  close(): void {
    try {
      this.unmount();
    } finally {
      rmSync(this.#folder, { recursive: true, force: true });
    }
  }
}
