/** What it was measured on. */
import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly platform: string;
  /** One-minute load before anything was measured: what others were doing. */
  readonly load: number;
  /** Median ms until 4 KiB are on the disk, and one in twenty takes longer than `fsyncSlowMs`. */
  readonly fsyncMs: number;
  readonly fsyncSlowMs: number;
  /** The directory is in memory: nothing was durable, and the figures flatter. */
  readonly inMemory: boolean;
}

const FSYNCS = 100;
const TMPFS_MAGIC = 0x01021994; // statfs(2)

export function describeMachine(directory: string): Machine {
  const times = timeFsyncs(join(directory, 'fsync'));
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    load: loadavg()[0]!,
    fsyncMs: times[Math.floor(FSYNCS / 2)]!,
    fsyncSlowMs: times[Math.floor(FSYNCS * 0.95)]!,
    inMemory: statfsSync(directory).type === TMPFS_MAGIC,
  };
}

/** Sorted, ms. */
function timeFsyncs(path: string): number[] {
  const file = openSync(path, 'w');
  const page = Buffer.alloc(4096);
  const times = Array.from({ length: FSYNCS }, () => {
    const from = performance.now();
    writeSync(file, page);
    fdatasyncSync(file);
    return performance.now() - from;
  });
  closeSync(file);
  rmSync(path);
  return times.sort((a, b) => a - b);
}
