/** The log at the sizes where tiles fill and beyond, under three verifiers that we did not write. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Log, openLog } from '../../ledger-writer/log.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { cosign, cosignerOf, encodeWitnessKey } from '../../protocol/cosignature.ts';
import { encodeVerifierKey, parseNote } from '../../protocol/signed-note.ts';
import { bindLog } from '../ledger-writer/read-log.ts';
import { seedOf } from '../support/receipt-builder.ts';

const SOURCE = fileURLToPath(new URL('../interop/log-go/', import.meta.url));
const FSCK = 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4';
const SIZES = [0, 1, 2, 255, 256, 257, 65_535, 65_536, 65_537, 100_000];
const witnesses = [31, 32, 33].map((fill) => cosignerOf(`w${fill}.example/witness`, seedOf(fill)));
const vkeys = witnesses.map((witness) => encodeWitnessKey(witness));
const entryAt = (n: number) => createHash('sha256').update(String(n)).digest();

const go = spawnSync('go', ['version'], { encoding: 'utf8' });
if (go.status !== 0) console.log('skipped: no Go on this machine, so the log is not read by programs in Go');

describe.skipIf(go.status !== 0)('a log that others read', () => {
  let base = '';
  let directory = '';
  let hasFsck = false;
  let log: Log;

  beforeAll(async () => {
    base = mkdtempSync(join(tmpdir(), 'veravita-log-go-'));
    directory = join(base, 'log');
    execFileSync('go', ['build', '-o', join(base, 'log-go'), '.'], { cwd: SOURCE, stdio: 'pipe' });
    const env = { ...process.env, GOBIN: base };
    const fsck = spawnSync('go', ['install', FSCK], { encoding: 'utf8', env, timeout: 280_000 });
    hasFsck = fsck.status === 0;
    if (!hasFsck) console.log(`skipped: no ${FSCK} from the Go module proxy`);
    log = await openLog({
      directory,
      state: join(base, 'state.sqlite'),
      origin: 'test.example/log',
      seed: seedOf(3),
      create: true,
      witnesses,
      quorum: 2,
    });
    writeFileSync(join(base, 'log.vkey'), `${encodeVerifierKey(log.key)}\n`);
  }, 600_000);
  afterAll(async () => {
    await log.close();
    rmSync(base, { recursive: true, force: true });
  });

  const runGo = (keys = vkeys) =>
    spawnSync(join(base, 'log-go'), [directory, encodeVerifierKey(log.key), ...keys], { encoding: 'utf8' });
  const runFsck = () =>
    spawnSync(
      join(base, 'fsck'),
      ['-ui=false', `-storage_url=file://${directory}/`, `-public_key=${join(base, 'log.vkey')}`],
      { encoding: 'utf8', timeout: 60_000 },
    );

  it('is whole for x/mod/sumdb, formats/note, Tessera’s fsck and @sigstore/verify, cosigned by two of three', async () => {
    const sigstore = dirname(createRequire(import.meta.url).resolve('@sigstore/verify'));
    const { verifyMerkleInclusion } = createRequire(import.meta.url)(join(sigstore, 'tlog', 'merkle.js')) as {
      verifyMerkleInclusion(entry: unknown, checkpoint: unknown): void;
    };
    for (const size of SIZES) {
      const { size: had } = log.signed.checkpoint;
      await log.append(Array.from({ length: size - had }, (_, i) => entryAt(had + i)));
      await log.integrate();
      const { text } = parseNote(log.signed.note);
      await log.addCosignatures(
        text,
        witnesses.slice(0, 2).map((witness) => cosign(text, witness, 1_772_352_000)),
      );
      const { checkpoint } = log.head;
      expect(checkpoint.size).toBe(size);

      const read = runGo();
      expect(read.stderr).toBe('');
      const checked = Array.from({ length: size }).filter((_, i) => (i % 256) % 64 === 0 || i === size - 1).length;
      expect(JSON.parse(read.stdout)).toEqual({
        origin: 'test.example/log',
        size,
        root: encodeHex(checkpoint.root),
        checked,
        cosigned: 2,
      });

      if (hasFsck) expect(runFsck(), `fsck of ${size}`).toMatchObject({ status: 0 });

      const tiles = await bindLog(directory, log.key);
      const head = { logHash: Buffer.from(checkpoint.root), logSize: BigInt(size) };
      for (const index of new Set([0, 1, 254, 255, 256, size >> 1, size - 2, size - 1])) {
        if (index < 0 || index >= size) continue;
        const hashes = (await tiles.proveInclusion(index)).map((hash) => Buffer.from(hash));
        const claim = (entry: Buffer) => ({
          canonicalizedBody: entry,
          inclusionProof: { logIndex: String(index), hashes },
        });
        verifyMerkleInclusion(claim(entryAt(index)), head);
        expect(() => verifyMerkleInclusion(claim(entryAt(index + 1)), head)).toThrow();
      }
    }
  }, 300_000);

  it('is refused once it was edited, and so is a false cosignature', () => {
    for (const path of ['tile/0/001', 'tile/1/000', 'tile/0/390.p/160', 'tile/entries/002', 'checkpoint']) {
      const file = join(directory, path);
      const good = readFileSync(file);
      const bad = Buffer.from(good);
      bad[2]! ^= 1;
      writeFileSync(file, bad);
      expect(runGo().status, path).toBe(1);
      writeFileSync(file, good);
    }
    const file = join(directory, 'checkpoint');
    const good = readFileSync(file, 'utf8');
    const [, one] = good.split(`\u2014 ${witnesses[0]!.name} `);
    const [line] = one!.split('\n');
    const flipped = Buffer.from(line!, 'base64');
    flipped[40]! ^= 1;
    writeFileSync(file, good.replace(line!, flipped.toString('base64')));
    expect(runGo().status).toBe(1);
    expect(runGo(vkeys.slice(1)).status).toBe(0); // of a witness that is not asked about
    writeFileSync(file, good);
    expect(runGo().status).toBe(0);
  }, 120_000);
});
