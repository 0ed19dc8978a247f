import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Log, type LogConfig, openLog } from '../../ledger-writer/log.ts';
import { addSignatures, cosign, cosignerOf, openCosignatures } from '../../protocol/cosignature.ts';
import { verifyConsistency } from '../../protocol/merkle.ts';
import { parseNote } from '../../protocol/signed-note.ts';
import { seedOf } from '../support/receipt-builder.ts';
import { bindLog, readCheckpoint, readEntries } from './read-log.ts';

const origin = 'test.example/log';
const witnesses = [31, 32, 33].map((fill) => cosignerOf(`w${fill}.example/witness`, seedOf(fill)));
const [one, two, three] = witnesses;
const stranger = cosignerOf('stranger.example/witness', seedOf(50));
const entriesUpTo = (n: number) =>
  Array.from({ length: n }, (_, i) => new Uint8Array(createHash('sha256').update(`entry ${i}`).digest()));

let base: string;
let log: Log | undefined;
const directory = () => join(base, 'log');
const file = () => readFileSync(join(directory(), 'checkpoint'), 'utf8');

async function open(more: Partial<LogConfig> = {}): Promise<Log> {
  await log?.close();
  log = undefined;
  const state = join(base, 'keys', 'state.sqlite');
  const config = {
    directory: directory(),
    state,
    origin,
    seed: seedOf(5),
    create: true,
    witnesses,
    quorum: 2,
    ...more,
  };
  log = await openLog(config);
  return log;
}

/** Cosignatures on what the log signed last. */
const linesOf = (some: typeof witnesses, at = 100) => {
  const { text } = parseNote(log!.signed.note);
  return [text, some.map((witness) => cosign(text, witness, at))] as const;
};
const grow = async (size: number) => {
  await log!.append(entriesUpTo(size));
  return log!.integrate();
};
const cosignedBy = (note: string) => openCosignatures(parseNote(note), witnesses).map(({ witness }) => witness.name);

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'veravita-quorum-'));
});
afterEach(async () => {
  await log?.close();
  log = undefined;
  rmSync(base, { recursive: true });
});

describe('a log that asks for two witnesses', () => {
  it('publishes nothing that fewer have cosigned, takes entries, and fills in late cosignatures', async () => {
    await open();
    expect(readCheckpoint(directory(), log!.key).size).toBe(0);
    expect((await grow(3)).checkpoint.size).toBe(0);
    expect(log!.signed.checkpoint.size).toBe(3);
    expect((await log!.addCosignatures(...linesOf([one!]))).checkpoint.size).toBe(0);
    expect((await log!.addCosignatures(...linesOf([one!, one!], 101))).checkpoint.size).toBe(0);
    expect((await log!.addCosignatures(...linesOf([two!]))).checkpoint.size).toBe(3);
    expect(cosignedBy(file())).toEqual([one!.name, two!.name]);
    await log!.addCosignatures(...linesOf([three!]));
    expect(cosignedBy(file())).toEqual([one!.name, two!.name, three!.name]);
    expect(await readEntries(directory(), log!.key)).toEqual(entriesUpTo(3));
    expect(log!.head).toEqual(log!.signed);
  });

  it('signs on while it waits, one tree, and publishes the newest', async () => {
    await open();
    await grow(2);
    const early = linesOf([one!, two!]);
    const heads = [log!.signed.checkpoint];
    for (const size of [5, 255, 256, 257, 300]) {
      await grow(size);
      heads.push(log!.signed.checkpoint);
    }
    // Too late: they are for a checkpoint that is not the newest any more, and are no word on this one.
    expect((await log!.addCosignatures(...early)).checkpoint.size).toBe(0);
    expect(await log!.proveConsistency(early[0], 1)).toBeUndefined();
    expect((await log!.addCosignatures(...linesOf([two!, three!]))).checkpoint.size).toBe(300);
    const tiles = await bindLog(directory(), log!.key);
    for (const { size: size1, root: root1 } of heads) {
      const proof = await log!.proveConsistency(parseNote(log!.signed.note).text, size1);
      const { size: size2, root: root2 } = tiles.head;
      expect(verifyConsistency({ size1, root1, size2, root2, proof: proof! })).toBe(true);
    }
  });

  it('leaves the tiles of what is published until more is', async () => {
    await open();
    await grow(200);
    await log!.addCosignatures(...linesOf([one!, two!]));
    await grow(256);
    expect(existsSync(join(directory(), 'tile/0/000.p/200'))).toBe(true);
    expect(await readEntries(directory(), log!.key)).toHaveLength(200);
    await log!.addCosignatures(...linesOf([one!, two!]));
    expect(existsSync(join(directory(), 'tile/0/000.p'))).toBe(false);
    expect(await readEntries(directory(), log!.key)).toHaveLength(256);
  });

  it('goes on after a restart with what was signed and not published', async () => {
    await open();
    await grow(4);
    await log!.addCosignatures(...linesOf([one!]));
    const { text } = parseNote(log!.signed.note);
    await open();
    expect(parseNote(log!.signed.note).text).toBe(text);
    expect([log!.head.checkpoint.size, log!.signed.checkpoint.size]).toEqual([0, 4]);
    expect((await log!.addCosignatures(...linesOf([three!]))).checkpoint.size).toBe(0);
    expect((await log!.addCosignatures(...linesOf([one!]))).checkpoint.size).toBe(4);
    // Without a quorum, what waited is published at once.
    await grow(6);
    expect(readCheckpoint(directory(), log!.key).size).toBe(4);
    await open({ quorum: 0 });
    expect(readCheckpoint(directory(), log!.key).size).toBe(6);
  });

  it('keeps what is published and cosigned as it is, whatever is configured later', async () => {
    await open();
    await grow(4);
    await log!.addCosignatures(...linesOf([one!, two!]));
    const published = file();
    for (const more of [{}, { witnesses: [], quorum: 0 }, { witnesses: [three!], quorum: 1 }]) {
      await open(more);
      await log!.integrate();
      expect(file()).toBe(published);
    }
  });

  it('takes no cosignature but of its witnesses, on what it signed', async () => {
    await open();
    await grow(4);
    const [text, lines] = linesOf([one!, two!]);
    const wrong = lines.map((line) => ({ ...line, signature: line.signature.toReversed() }));
    await log!.addCosignatures(text, [...wrong, cosign(text, stranger, 1)]);
    await log!.addCosignatures(text, [cosign(text.replace('\n4\n', '\n5\n'), one!, 1)]);
    await log!.addCosignatures(text.replace('\n4\n', '\n5\n'), lines);
    expect(parseNote(log!.signed.note).signatures).toHaveLength(1);
    expect(log!.head.checkpoint.size).toBe(0);
  });

  it('mends a false line of its witnesses in the published note', async () => {
    await open();
    await grow(4);
    await log!.addCosignatures(...linesOf([one!, two!, three!]));
    const note = parseNote(file());
    const [, , , last] = note.signatures;
    const bad = { ...last!, signature: last!.signature.toReversed() };
    writeFileSync(join(directory(), 'checkpoint'), addSignatures(note, [bad]));
    await open();
    expect(cosignedBy(file())).toEqual([one!.name, two!.name]);
  });

  for (const step of ['sign', 'publish'] as const) {
    for (const moment of ['before', 'after'] as const) {
      it(`signs one note for a size when it fails ${moment} "${step}"`, async () => {
        let armed = false;
        const signed = new Map<number, string>();
        const faults: LogConfig['faults'] = (atStep, atMoment) => {
          if (!armed || atStep !== step || atMoment !== moment) return;
          armed = false;
          throw new Error('disk');
        };
        await open({ faults });
        for (let size = 1; size <= 6; size++) {
          armed = true;
          for (let round = 0; round < 4; round++) {
            await grow(size).catch(() => {});
            await log!.integrate();
            const { checkpoint, note } = log!.signed;
            const { text } = parseNote(note);
            expect(signed.get(checkpoint.size) ?? text).toBe(text);
            signed.set(checkpoint.size, text);
            if (size % 2 === 0) await log!.addCosignatures(...linesOf([one!, two!])).catch(() => {});
          }
          expect(armed).toBe(step === 'publish' && size % 2 === 1);
          expect(log!.head.checkpoint.size).toBe(size - (size % 2));
          expect(readCheckpoint(directory(), log!.key).size).toBe(size - (size % 2));
        }
        expect(await readEntries(directory(), log!.key)).toEqual(entriesUpTo(6));
      });
    }
  }
});
