/**
 * `npm run ingest`: the service and the ledger writer beside it, each a process of its own over one data directory; the
 * journals in it are all that they share. One that is killed is started again. Whoever runs them under systemd needs
 * this file not: see deploy/.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const SERVICE = fileURLToPath(new URL('ingest-service/main.ts', import.meta.url));
const WRITER = fileURLToPath(new URL('ledger-writer/main.ts', import.meta.url));
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;
/** Who ran so long is started again at once, however often it fell before. */
const SOUND_MS = 60_000;
/** Who has not stopped by then is killed: what was acknowledged is on the disk, and the next start takes up the rest. */
const PATIENCE_MS = 20_000;

const running = new Map();
let exitCode;

/** Keeps a program running. It says `ready` once it works: one that ends before that is not tried again. */
function keep(name, program, args, onMessage = () => undefined, falls = 0) {
  // kafkajs sets a timer of less than nothing, on purpose, and Node would say so.
  const child = fork(program, args, { execArgv: [...process.execArgv, '--disable-warning=TimeoutNegativeWarning'] });
  const startedAt = performance.now();
  let isReady = false;
  running.set(name, child);
  child.on('message', (message) => {
    if (message === 'ready') isReady = true;
    else onMessage(message);
  });
  child.on('exit', (code, signal) => {
    running.delete(name);
    // Before it ever worked: what is wrong stays wrong. One that worked once is tried for ever.
    if (code === 0 || (!isReady && falls === 0)) return stopAll(code ?? 1);
    if (exitCode !== undefined) return finish();
    const next = performance.now() - startedAt > SOUND_MS ? 1 : falls + 1;
    const pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (next - 1));
    console.error(`${name} ended (${signal ?? code}); starting it again in ${pauseMs} ms`);
    setTimeout(() => exitCode === undefined && keep(name, program, args, onMessage, next), pauseMs);
  });
}

function stopAll(code) {
  exitCode ??= code;
  for (const child of running.values()) child.kill('SIGTERM');
  losePatience();
  finish();
}

/** Node itself may hang when it ends (nodejs/node#54918). */
function losePatience() {
  const kill = () => {
    for (const [name, child] of running) {
      console.error(`${name} does not stop; killing it`);
      child.kill('SIGKILL');
    }
  };
  setTimeout(kill, PATIENCE_MS).unref();
}

function finish() {
  if (running.size === 0) process.exit(exitCode);
}

// The terminal sends Ctrl-C to all three, anybody else to this one: the end of the channel asks once more, and harmlessly.
process.on('SIGINT', () => {
  exitCode ??= 0;
  for (const child of running.values()) if (child.connected) child.disconnect();
  losePatience();
  finish();
});
process.on('SIGTERM', () => stopAll(0));

keep('the service', SERVICE, process.argv.slice(2), ({ data, journal }) => {
  if (data !== undefined && !running.has('the ledger writer')) {
    keep('the ledger writer', WRITER, ['--data', data, ...(journal ? ['--journal', journal] : [])]);
  }
});
