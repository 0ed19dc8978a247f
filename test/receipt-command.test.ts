/** `npm run receipt` and `npm run verify` over what a world has left: one reading, many, a day, in each form. */
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readReceiptJob } from '../ingest-service/receipt-config.ts';
import { decodeReceiptFile } from '../protocol/receipt-file.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { openTestWorld, type TestWorld } from './support/test-world.ts';

const BEATS = 25;

let world: TestWorld;
let data: string;

beforeAll(async () => {
  world = await openTestWorld();
  data = world.directory;
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const home = await world.strapHome('home', [ada], { maxLeaves: 10, maxAgeMs: 20 });
  for (let beat = 0; beat < BEATS; beat++) await home.beat(60 + beat);
  await home.settle();
  await world.stop();
});

afterAll(() => {
  rmSync(data, { recursive: true, force: true });
});

function run(program: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, '..', program), ...args]);
  return { status, stdout, text: stdout.toString('utf8'), says: stderr.toString('utf8') };
}

const receipt = (...args: string[]) => run('ingest-service/receipt-main.ts', '--data', data, ...args);
const verify = (...args: string[]) => run('verifier/main.ts', ...args, '--trust', join(data, 'trust.json'));

describe('npm run receipt', () => {
  it('writes a day as one small file, and every one of it is genuine', () => {
    const file = join(data, 'day.cbor');
    const { status, says } = receipt('--day', '2026-03-01', '--vital', 'heart-rate', '--as', 'cbor', '--out', file);
    expect(says).toContain(`${BEATS} receipts`);
    expect(status).toBe(0);
    expect(decodeReceiptFile(readFileSync(file))).toHaveLength(BEATS);
    const verdict = verify(file);
    expect(verdict.text).toContain(`${BEATS} receipts: ${BEATS} genuine`);
    expect(verdict.status).toBe(0);
    expect(verify(file, '--json').text.trim().split('\n')).toHaveLength(BEATS);
  });

  it('writes an interval as lines, that can be checked as they are', () => {
    const { text } = receipt('--from', '2026-03-01T08:00:02Z', '--to', '2026-03-01T08:00:05Z', '--vital', 'heart-rate');
    expect(text.trim().split('\n')).toHaveLength(3);
  });

  it('writes one reading in at most 3 KB, and as a code', () => {
    const file = join(data, 'one.cbor');
    expect(receipt('--as', 'cbor', '--out', file).status).toBe(0);
    expect(statSync(file).size).toBeLessThanOrEqual(3000);
    expect(verify(file).text).toContain('GENUINE');
    expect(receipt('--as', 'qr').text).toContain('<svg');
    expect(receipt('--last', '2', '--as', 'qr').says).toContain('one reading');
  });

  it('says all that is wrong with what it was asked for', () => {
    const { status, says } = receipt('--day', 'today', '--last', '0', '--as', 'pdf', '--vital', 'mood');
    expect(status).toBe(2);
    for (const option of ['--day', '--as', '--vital', 'exclude each other']) expect(says).toContain(option);
    const read = (...args: string[]) => readReceiptJob(['--data', data, ...args]);
    expect(() => read('--zone', '+01:00')).toThrow('--zone goes with --day');
    expect(() => read('--from', '2026-03-01T08:00:00Z')).toThrow('--from and --to');
    expect(read('--day', '2026-03-01', '--zone', '+01:00')?.choice).toEqual({
      kind: 'interval',
      from: Date.UTC(2026, 1, 28, 23),
      to: Date.UTC(2026, 2, 1, 23),
    });
    expect(receipt('--day', '2020-01-01').says).toContain('no such reading');
  });
});
