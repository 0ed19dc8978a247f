/** Lets a simulated machine see, and spoil, what its processes do to their disk through node:fs and node:sqlite. */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import type { SimProcess } from './machine.ts';
import { here, replace } from './patches.ts';
import { currentProcess } from './scheduler.ts';

const require = createRequire(import.meta.url);
const fs = require('node:fs') as typeof import('node:fs');
const real = { ...fs };

/** SQL that is changed before SQLite sees it, to plant a defect. */
let rewrite: (sql: string) => string = (sql) => sql;

export function rewriteSql(by: (sql: string) => string): void {
  rewrite = by;
}

function processHere(): SimProcess | undefined {
  return here()?.process as SimProcess | undefined;
}

const paths = new Map<number, string>();

/** Does it with the machine's leave. */
function step<T>(what: string, act: () => T): T {
  const process = currentProcess();
  process?.touch(what, 'before');
  const result = act();
  process?.touch(what, 'after');
  return result;
}

function openFile(path: string, flags: string | number = 'r', mode?: number): number {
  const process = processHere();
  if (!process || (process.alive && !isOnDisk(process, path))) return real.openSync(path, flags, mode);
  const writes = typeof flags === 'string' && flags !== 'r';
  const open = () => {
    const isNew = writes && !real.existsSync(path);
    const file = real.openSync(path, flags, mode);
    if (isNew) process.machine.disk.created(path);
    paths.set(file, resolve(path));
    return file;
  };
  return writes ? step(`open ${nameOf(path)}`, open) : open();
}

function syncFile(file: number): void {
  const process = processHere();
  if (!process) {
    real.fsyncSync(file);
    return;
  }
  const path = paths.get(file);
  step(`fsync ${nameOf(path ?? '')}`, () => {
    if (path) process.machine.disk.synced(path);
  });
}

/** The libraries read files of their own. */
function isOnDisk(process: SimProcess, path: unknown): boolean {
  return typeof path === 'string' && process.machine.disk.has(resolve(path));
}

function nameOf(path: string): string {
  return path.split('/').slice(-2).join('/');
}

const changes = ['renameSync', 'linkSync', 'unlinkSync', 'mkdirSync', 'rmSync', 'writeSync'] as const;

replace(fs, 'openSync', () => openFile);
replace(fs, 'fsyncSync', () => syncFile);
replace(fs, 'closeSync', (close) => (file: number) => {
  paths.delete(file);
  close(file);
});
for (const name of changes) {
  replace(fs, name, (act) => (...args: never[]) => {
    if (!processHere()) return act(...args);
    return step(`${name} ${typeof args[0] === 'string' ? nameOf(args[0]) : ''}`, () => act(...args));
  });
}

/** node:fs/promises of a simulated process: the same, without a thread pool whose order nobody knows. */
const promised: Record<string, (...args: never[]) => unknown> = {
  mkdir: (...args) => (fs.mkdirSync as (...a: never[]) => unknown)(...args),
  readdir: (...args) => (fs.readdirSync as (...a: never[]) => unknown)(...args),
  readFile: (...args) => (fs.readFileSync as (...a: never[]) => unknown)(...args),
  rename: (...args) => (fs.renameSync as (...a: never[]) => unknown)(...args),
  rm: (...args) => (fs.rmSync as (...a: never[]) => unknown)(...args),
  open: ((path: string, flags?: string, mode?: number) => {
    const file = openFile(path, flags, mode);
    return {
      writeFile: async (bytes: Uint8Array) => void fs.writeSync(file, bytes),
      sync: async () => syncFile(file),
      close: async () => fs.closeSync(file),
    };
  }) as never,
};
for (const [name, act] of Object.entries(promised)) {
  replace(
    require('node:fs/promises'),
    name,
    (actual) =>
      async (...args: never[]) =>
        processHere() ? act(...args) : actual(...args),
  );
}

const database = DatabaseSync.prototype;

function remember(self: DatabaseSync): SimProcess | undefined {
  const process = processHere();
  if (process && !process.databases.has(self) && self.isOpen) {
    process.databases.set(self, { database: self, path: self.location() ?? '' });
  }
  return process;
}

replace(
  database,
  'exec',
  (exec) =>
    function (this: DatabaseSync, sql: string) {
      const process = remember(this);
      if (!process) return exec.call(this, sql);
      const act = () => exec.call(this, rewrite(sql));
      return /^(?:COMMIT|PRAGMA wal_checkpoint)/.test(sql) ? step(`sqlite ${sql}`, act) : act();
    },
);
replace(
  database,
  'prepare',
  (prepare) =>
    function (this: DatabaseSync, sql: string) {
      return prepare.call(this, remember(this) ? rewrite(sql) : sql);
    },
);
replace(
  StatementSync.prototype,
  'run',
  (run) =>
    function (this: StatementSync, ...args: never[]) {
      if (!processHere()) return run.apply(this, args);
      return step('sqlite run', () => run.apply(this, args));
    },
);
syncBuiltinESMExports();
