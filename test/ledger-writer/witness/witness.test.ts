import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openKeyedWitness } from '../../../ledger-writer/witness/keyed-witness.ts';
import { openWitness, type Witness } from '../../../ledger-writer/witness/witness.ts';
import { openWitnessState, type WitnessState } from '../../../ledger-writer/witness/witness-state.ts';
import { encodeAddCheckpoint, parseSignatureLines, parseTreeSize } from '../../../protocol/add-checkpoint.ts';
import { parseCheckpoint, signCheckpoint } from '../../../protocol/checkpoint.ts';
import { cosignerOf, encodeWitnessKey, openCosignatures } from '../../../protocol/cosignature.ts';
import { isFault } from '../../../protocol/fault.ts';
import { noteSignerOf, parseNote } from '../../../protocol/signed-note.ts';
import { nodeVerify } from '../../support/node-verify.ts';
import { seedOf } from '../../support/receipt-builder.ts';
import { areOfOneLog, branchOf, LOG } from './branches.ts';

const cosigner = cosignerOf('one.example/witness', seedOf(31));
const SIZE = 40;
const main = branchOf('main', SIZE, SIZE);
const fork = branchOf('fork', 7, SIZE);

let base: string;
let state: WitnessState;
let witness: Witness;
const path = () => join(base, 'state.sqlite');

function open(create = false): void {
  state = openWitnessState(path(), encodeWitnessKey(cosigner), create);
  witness = openWitness({ cosigner, logs: [LOG], state, clock: () => 1_700_000_000, verify: nodeVerify });
}

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-witness-'));
  open(true);
});
afterEach(() => {
  state.close();
  rmSync(base, { recursive: true });
});

const statusOf = (body: string) => witness.addCheckpoint(body).status;

async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('a witness', () => {
  it('cosigns each checkpoint that extends the last, from none on, and the same again', () => {
    let from = 0;
    for (const to of [0, 1, 2, 7, 8, 8, 33, 40]) {
      const { status, body, outcome } = witness.addCheckpoint(main.request(from, to));
      expect([status, outcome]).toEqual([200, 'cosigned']);
      const { text } = parseNote(main.checkpoint(to));
      const signatures = parseSignatureLines(text, body);
      expect(openCosignatures({ text, signatures }, [cosigner]).map(({ timestamp }) => timestamp)).toEqual([
        1_700_000_000,
      ]);
      from = to;
    }
    expect(state.latest(LOG.name)).toEqual({ size: 40, root: main.root(40) });
  });

  it('remembers across a restart, and is alone with its memory', () => {
    expect(statusOf(main.request(0, 9))).toBe(200);
    expect(() => openWitnessState(path(), encodeWitnessKey(cosigner), false)).toThrow('another witness');
    state.close();
    open();
    expect(witness.addCheckpoint(main.request(0, 12))).toMatchObject({ status: 409, body: '9\n' });
    expect(statusOf(fork.request(9, 12))).toBe(422);
    expect(statusOf(main.request(9, 12))).toBe(200);
  });

  it('tells the size when the request is not from there', () => {
    expect(statusOf(main.request(0, 9))).toBe(200);
    for (const from of [0, 3, 10]) {
      const answer = witness.addCheckpoint(main.request(from, 12));
      expect(answer).toMatchObject({ status: 409, outcome: 'other-size', contentType: 'text/x.tlog.size' });
      expect(parseTreeSize(answer.body)).toBe(9);
    }
    // Rolled back: an older checkpoint, honestly signed.
    expect(witness.addCheckpoint(main.request(4, 5))).toMatchObject({ status: 409, body: '9\n' });
    expect(statusOf(main.request(9, 5))).toBe(400);
  });

  it('refuses a fork, whichever way it comes, and keeps the proof of it', () => {
    expect(statusOf(main.request(0, 9))).toBe(200);
    expect(witness.addCheckpoint(fork.request(9, 9))).toMatchObject({ status: 409, outcome: 'fork' });
    expect(state.evidence(LOG.name)).toEqual([fork.checkpoint(9)]);
    for (let to = 10; to <= SIZE; to++) {
      expect(statusOf(fork.request(9, to)), `own proof to ${to}`).toBe(422);
      expect(statusOf(fork.request(9, to, { proof: main.proof(9, to) })), `proof of the other to ${to}`).toBe(422);
      expect(statusOf(main.request(9, to, { proof: fork.proof(9, to) })), `wrong proof to ${to}`).toBe(422);
    }
    expect(statusOf(main.request(9, 9, { proof: [seedOf(1)] }))).toBe(422);
    expect(statusOf(main.request(9, SIZE))).toBe(200);
    for (let i = 0; i < 40; i++) statusOf(branchOf(`fork ${i}`, 3, SIZE).request(SIZE, SIZE));
    expect(state.evidence(LOG.name)).toHaveLength(16);
  });

  it('wants no proof and an honest root for the first, the empty tree too', () => {
    expect(statusOf(main.request(0, 3, { proof: [seedOf(1)] }))).toBe(422);
    const lie = signCheckpoint({ origin: LOG.name, size: 0, root: seedOf(1) }, [LOG]);
    expect(statusOf(encodeAddCheckpoint({ oldSize: 0, proof: [], checkpoint: lie }))).toBe(409);
    expect(state.latest(LOG.name)).toBeUndefined();
  });

  it('knows whose log it is', () => {
    const other = noteSignerOf('other.example/log', seedOf(5));
    const namesake = noteSignerOf(LOG.name, seedOf(5));
    const head = { size: 3, root: main.root(3) };
    const from = (checkpoint: string) => encodeAddCheckpoint({ oldSize: 0, proof: [], checkpoint });
    expect(statusOf(from(signCheckpoint({ origin: other.name, ...head }, [other])))).toBe(404);
    expect(statusOf(from(signCheckpoint({ origin: LOG.name, ...head }, [namesake])))).toBe(403);
    expect(statusOf(from(signCheckpoint({ origin: other.name, ...head }, [LOG])))).toBe(404);
    // The trusted signature in another note, and beside another's.
    expect(statusOf(from(main.checkpoint(3).replace('\n3\n', '\n4\n')))).toBe(403);
    expect(statusOf(from(signCheckpoint({ origin: LOG.name, ...head }, [namesake, LOG])))).toBe(200);
  });

  it('promises nothing when its memory cannot be written', () => {
    state.close();
    expect(() => witness.addCheckpoint(main.request(0, 3))).toThrow(expect.objectContaining({ code: 'unavailable' }));
    open();
    expect(state.latest(LOG.name)).toBeUndefined();
  });

  it('swaps only what it compared', () => {
    const nine = { size: 9, root: main.root(9) };
    expect(state.advance(LOG.name, undefined, nine, 'nine')).toBe(true);
    expect(state.advance(LOG.name, undefined, { size: 12, root: main.root(12) }, 'twelve')).toBe(false);
    expect(state.advance(LOG.name, { size: 9, root: fork.root(9) }, { size: 12, root: main.root(12) }, 'x')).toBe(
      false,
    );
    expect(state.latest(LOG.name)).toEqual(nine);
  });

  it('never cosigns two checkpoints that no one log can have, whatever comes in what order', () => {
    const branches = [main, fork, branchOf('late', 20, SIZE), branchOf('early', 1, SIZE), branchOf('none', 0, SIZE)];
    const rarely = <T>(value: fc.Arbitrary<T>) =>
      fc.oneof({ arbitrary: fc.constant(undefined), weight: 4 }, { arbitrary: value, weight: 1 });
    const step = fc.record({
      branch: fc.nat(branches.length - 1),
      /** Leaves more than the witness has seen, or any size. */
      more: fc.nat(4),
      to: rarely(fc.integer({ min: 0, max: SIZE })),
      /** From the size that the witness has, or any. */
      from: rarely(fc.integer({ min: 0, max: SIZE })),
      proofOf: rarely(fc.nat(branches.length - 1)),
      junk: rarely(fc.constant(true)),
    });
    let cosigned = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const latest = new Map<string, { size: number; root: Uint8Array }>();
        const memory: Pick<WitnessState, 'latest' | 'advance' | 'keepEvidence'> = {
          latest: (origin) => latest.get(origin),
          advance: (origin, _, next) => {
            latest.set(origin, next);
            return true;
          },
          keepEvidence: () => {},
        };
        const one = openWitness({
          cosigner,
          logs: [LOG],
          state: memory as WitnessState,
          clock: () => 1,
          verify: nodeVerify,
        });
        const heads: { size: number; root: Uint8Array }[] = [];
        for (const { branch, more, from, proofOf, junk, ...step } of steps) {
          const tree = branches[branch]!;
          const known = latest.get(LOG.name)?.size ?? 0;
          const oldSize = from ?? known;
          const to = step.to ?? Math.min(SIZE, known + more);
          const right = oldSize <= to ? branches[proofOf ?? branch]!.proof(oldSize, to) : [];
          const proof = junk ? [...right, seedOf(1)] : right;
          const { status, outcome } = one.addCheckpoint(tree.request(oldSize, to, { oldSize, proof }));
          expect([200, 400, 409, 422]).toContain(status);
          if (outcome !== 'cosigned') continue;
          cosigned++;
          heads.push(parseCheckpoint(parseNote(tree.checkpoint(to)).text));
          expect(heads.at(-1)!.size).toBeGreaterThanOrEqual(heads.at(-2)?.size ?? 0);
        }
        expect(areOfOneLog(heads, branches)).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect(cosigned).toBeGreaterThan(150);
  });
});

describe('key and memory of a witness', () => {
  const at = (file: string) => join(base, 'party', file);
  const keyed = (name = 'one.example/witness') =>
    openKeyedWitness({
      keyPath: at('witness.key'),
      vkeyPath: at('witness.vkey'),
      statePath: at('witness-state.sqlite'),
      name,
      newSeed: () => seedOf(40),
    });

  it('are made once, for their owner only', async () => {
    const first = await keyed();
    first.state.close();
    expect(statSync(at('witness.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(at('witness.vkey'), 'utf8').trim()).toBe(encodeWitnessKey(first.cosigner));
    const again = await keyed();
    again.state.close();
    expect(again.cosigner.witnessKey).toEqual(first.cosigner.witnessKey);
  });

  it('are never made where the other is, and have one name', async () => {
    (await keyed()).state.close();
    expect(await codeOf(() => keyed('two.example/witness'))).toBe('wrong-key');
    renameSync(at('witness.key'), at('key.away'));
    expect(await codeOf(keyed)).toBe('missing');
    expect(existsSync(at('witness.key'))).toBe(false);
    renameSync(at('key.away'), at('witness.key'));
    for (const suffix of ['', '-wal', '-shm']) rmSync(at(`witness-state.sqlite${suffix}`), { force: true });
    for (let i = 0; i < 2; i++) expect(await codeOf(keyed)).toBe('missing');
  });

  it('survive a crash between them, and are refused when others may read', async () => {
    (await keyed()).state.close();
    renameSync(at('witness.key'), at('witness.key.new'));
    (await keyed()).state.close();
    chmodSync(at('witness.key'), 0o640);
    expect(await codeOf(keyed)).toBe('wrong-key');
  });
});
