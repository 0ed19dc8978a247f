/** `npm run coverage` and `npm run verify` as a person runs them, on a home that was heard over the real radio. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { verifyCoverage } from '../protocol/verify-coverage.ts';
import { consentToCollect } from '../simulators/patients.ts';
import { openTestWorld, STARTED_AT, type TestWorld } from './support/test-world.ts';

const ROOT = new URL('..', import.meta.url).pathname;
const run = async (...args: string[]) => {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, maxBuffer: 1 << 26 });
    return { code: 0, stdout, stderr: '' };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
};
const coverage = (...args: string[]) => run('ingest-service/coverage-main.ts', ...args);

let world: TestWorld;
let out: string;
let trust: string;
let disclosed: () => string[];

beforeAll(async () => {
  world = await openTestWorld();
  const ada = world.patient('Ada (HTEST)');
  await consentToCollect(ada);
  const home = await world.strapHome('home', [ada], { maxLeaves: 3, maxAgeMs: 20 });
  for (let i = 0; i < 10; i++) await home.beat(60 + i);
  await home.agent.flush();
  await home.settle();
  out = mkdtempSync(join(tmpdir(), 'veravita-certificate-'));
  trust = join(world.directory, 'trust.json');
  disclosed = () => world.service.store.disclosures.list(world.recordOf(ada), 10).map(({ kind }) => kind);
}, 60_000);

afterAll(async () => {
  rmSync(out, { recursive: true });
  await world.close();
});

const at = (ms: number) => new Date(STARTED_AT + ms).toISOString();

it('prints a table that makes up 100 %, is noted as a disclosure, and is green to a stranger', async () => {
  const file = join(out, 'coverage.cbor');
  const made = await coverage('--data', world.directory, '--from', at(0), '--out', file);
  expect(made.stdout).toMatch(/GREEN/);
  expect(made.stdout).toMatch(/\d+\.\d\d % {2}values were received/);
  expect(made.code).toBe(0);
  expect(disclosed()).toContain('coverage');

  const checked = await run('verifier/main.ts', file, '--trust', trust);
  expect(checked.stdout).toMatch(/^.*coverage\.cbor: GREEN/);
  expect(checked.code).toBe(0);
  const json = JSON.parse((await run('verifier/main.ts', file, '--trust', trust, '--json')).stdout);
  expect(json.devices.length).toBe(1);
  const percents = json.devices[0].shares.map(({ percent }: { percent: number }) => percent);
  expect(percents.reduce((sum: number, n: number) => sum + n, 0)).toBeCloseTo(100, 6);
  expect((await run('verifier/main.ts', file)).code).toBe(1); // whose word it is, nobody says
});

it('is red where nobody has spoken, and with any octet changed', async () => {
  const late = await coverage('--data', world.directory, '--from', at(0), '--to', at(3_600_000), '--json');
  expect(late.code).toBe(1);
  expect(JSON.parse(late.stdout)).toMatchObject({ verdict: 'red', findings: [{ to: '2026-03-01T09:00:00Z' }] });

  const bytes = new Uint8Array(readFileSync(join(out, 'coverage.cbor')));
  const keys = JSON.parse(readFileSync(trust, 'utf8'));
  expect(keys.format).toBe('veravita/trust@v1');
  const step = Math.max(1, Math.floor(bytes.length / 40));
  const { decodeTrust } = await import('../protocol/trust.ts');
  const whom = decodeTrust(readFileSync(trust, 'utf8'));
  for (let i = 0; i < bytes.length; i += step) {
    expect(verifyCoverage(bytes.with(i, bytes[i]! ^ 1), whom).verdict, `octet ${i}`).toBe('red');
  }
  const broken = join(out, 'broken.cbor');
  writeFileSync(broken, bytes.subarray(0, -1));
  const checked = await run('verifier/main.ts', broken, '--trust', trust);
  expect([checked.code, /RED/.test(checked.stdout)]).toEqual([1, true]);
});

it('says all that is wrong with its arguments, and exits 2', async () => {
  const { code, stderr } = await coverage('--from', 'yesterday', '--device', 'strap');
  expect(code).toBe(2);
  expect(stderr).toMatch(/--from .*--data .*--device /);
  expect((await coverage('--data', join(out, 'nothing'))).stderr).toMatch(/there is no record/);
});
