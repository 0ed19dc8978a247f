import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLog } from '../../ledger-writer/log.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { encodeVerifierKey } from '../../protocol/signed-note.ts';

const SOURCE = fileURLToPath(new URL('../interop/log-go/', import.meta.url));
const go = spawnSync('go', ['version'], { encoding: 'utf8' });
if (go.status !== 0) console.log('skipped: no Go on this machine, so the log is not read by golang.org/x/mod/sumdb');

describe.skipIf(go.status !== 0)('golang.org/x/mod/sumdb', () => {
  let base = '';
  let program = '';

  beforeAll(() => {
    base = mkdtempSync(join(tmpdir(), 'veravita-log-go-'));
    program = join(base, 'log-go');
    execFileSync('go', ['build', '-o', program, '.'], { cwd: SOURCE, stdio: 'pipe' });
  }, 300_000);
  afterAll(() => rmSync(base, { recursive: true, force: true }));

  it('reads what we write and refuses what was edited', async () => {
    const directory = join(base, 'log');
    const log = await openLog({
      directory,
      state: join(base, 'state.sqlite'),
      origin: 'test.example/log',
      seed: new Uint8Array(32).fill(3),
      create: true,
    });
    const key = encodeVerifierKey(log.key);
    const run = () => spawnSync(program, [directory, key], { encoding: 'utf8' });
    for (const size of [1, 2, 255, 256, 257, 700, 65_536, 65_800]) {
      const entries = Array.from({ length: size }, (_, n) => createHash('sha256').update(String(n)).digest());
      await log.append(entries);
      const { checkpoint } = await log.integrate();
      const { stdout, stderr, status } = run();
      expect(stderr).toBe('');
      expect(status).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        origin: 'test.example/log',
        size,
        root: encodeHex(checkpoint.root),
        checked: expect.any(Number),
      });
    }
    await log.close();

    for (const path of ['tile/0/001', 'tile/1/000', 'tile/0/257.p/8', 'tile/entries/002', 'checkpoint']) {
      const file = join(directory, path);
      const good = readFileSync(file);
      const bad = Buffer.from(good);
      bad[2]! ^= 1;
      writeFileSync(file, bad);
      expect(run().status, path).toBe(1);
      writeFileSync(file, good);
    }
    expect(run().status).toBe(0);
  }, 120_000);
});
