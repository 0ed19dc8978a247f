/** `npm run monitor`: watches a log from outside, with its public files and the keys that the reader trusts. */
import { hash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isFault } from '../protocol/fault.ts';
import { decodeTrust, type Trust } from '../protocol/trust.ts';
import { type Expectations, parseExpectations } from './monitor/expectations.ts';
import { openSource } from './monitor/log-source.ts';
import { type Alarm, type Look, lookAtLog, PROOFS } from './monitor/look.ts';
import { emptyMemory, type Memory, readMemory, writeFileDurably, writeMemory } from './monitor/memory.ts';
import { HELP, type MonitorOptions, readOptions } from './monitor/options.ts';
import { printable } from './reading-text.ts';

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** What cannot be helped by looking again: exit code 2. */
class Unusable extends Error {}

function usable<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Unusable(`${what}: ${isFault(error) ? message : (code ?? 'cannot be read')}`);
  }
}

function openExpectations(file: string | undefined): Expectations {
  if (file === undefined) return new Map();
  return usable('the file of expected commitments', () => parseExpectations(readFileSync(file, 'utf8')));
}

/** Says what is new: all of it as JSON, or a line for each change. */
function tell(look: Look, before: Look | undefined, trust: Trust, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify({ ...look, at: new Date(look.at).toISOString() })}\n`);
    return;
  }
  const { size, root, cosigned, expected } = look;
  const wasOpen = (code: string) => before?.alarms.some((alarm) => alarm.code === code) === true;
  if (size !== undefined && root !== undefined && !(before?.size === size && before.root === root)) {
    const witnesses = trust.witnesses ? `, ${cosigned} of ${trust.witnesses.keys.length} witnesses` : '';
    const promised = expected.found + expected.waiting + expected.overdue;
    const found = promised > 0 ? `, ${expected.found} of ${promised} promised commitments` : '';
    process.stdout.write(`${size} entries, root ${root.slice(0, 16)}${witnesses}${found}\n`);
  }
  for (const { code, says } of look.alarms)
    if (!wasOpen(code)) process.stdout.write(`ALARM ${code}: ${printable(says)}\n`);
  for (const { code } of before?.alarms ?? [])
    if (!look.alarms.some((alarm) => alarm.code === code)) process.stdout.write(`over: ${code}\n`);
}

function exitCodeOf(alarms: readonly Alarm[]): number {
  if (alarms.some(({ code }) => code !== 'unreachable')) return 1;
  return alarms.length > 0 ? 2 : 0;
}

async function run(options: MonitorOptions, stop: AbortSignal): Promise<number> {
  const trust = usable('the trust file', () => decodeTrust(readFileSync(options.trust, 'utf8')));
  const { state } = options;
  const memory: Memory =
    state === undefined ? emptyMemory() : usable('the memory', () => readMemory(state, trust.log, sha256));
  const readTile = openSource(options.log, options.timeoutMs);
  const { maxDelayMs, maxAgeMs } = options;
  let look: Look | undefined;
  while (true) {
    const before = look;
    const expectations = openExpectations(options.expect);
    const config = { trust, readTile, sha256, expectations, maxDelayMs, ...(maxAgeMs !== undefined && { maxAgeMs }) };
    look = await lookAtLog(config, memory, Date.now());
    if (state !== undefined) usable('the memory', () => writeMemory(state, memory));
    const proof = look.alarms.find(({ code }) => PROOFS.includes(code));
    if (proof && state !== undefined) usable('the evidence', () => writeFileDurably(`${state}.evidence`, proof));
    tell(look, before, trust, options.json);
    if (options.once || proof || stop.aborted) return exitCodeOf(look.alarms);
    await sleep(options.intervalMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) return exitCodeOf(look.alarms);
  }
}

const options = readOptions(process.argv.slice(2));
if ('help' in options) {
  process.stdout.write(HELP);
} else if ('problems' in options) {
  for (const problem of options.problems) process.stderr.write(`monitor: ${printable(problem)}\n`);
  process.exitCode = 2;
} else {
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  try {
    process.exitCode = await run(options.options, stopping.signal);
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    process.stderr.write(`monitor: ${printable(error.message)}\n`);
    process.exitCode = 2;
  }
}
