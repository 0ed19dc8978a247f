import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHex } from '../../protocol/bytes.ts';
import { formatCheckpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../../protocol/checkpoint.ts';
import { isFault } from '../../protocol/fault.ts';
import { hashLeaf, inclusionProof, rootOf } from '../../protocol/merkle.ts';
import {
  encodeVerifierKey,
  formatNote,
  noteSignerOf,
  parseNote,
  parseVerifierKey,
  signNote,
  verifyNote,
} from '../../protocol/signed-note.ts';
import { encodeTlogProof, parseTlogProof, verifyTlogProof } from '../../protocol/tlog-proof.ts';

const signer = noteSignerOf('veravita.example/log', new Uint8Array(32).fill(1));
const witness = noteSignerOf('witness.example', new Uint8Array(32).fill(2));
const namesake = noteSignerOf('veravita.example/log', new Uint8Array(32).fill(3));

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'nothing thrown';
}

describe('signed notes', () => {
  // golang.org/x/mod/sumdb/note, package documentation and note_test.go
  const PETER = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const PETER_NOTE =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n" +
    '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n';

  it('verifies the note of the Go documentation', () => {
    const key = parseVerifierKey(PETER);
    expect(encodeVerifierKey(key)).toBe(PETER);
    expect(verifyNote(parseNote(PETER_NOTE), [key])).toEqual([key]);
    expect(formatNote(parseNote(PETER_NOTE))).toBe(PETER_NOTE);
  });

  // C2SP signed-note, the example in its introduction; its key is not published.
  it('reads the note of the specification, empty lines and all', () => {
    const text = 'Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n';
    const line =
      '\u2014 quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n';
    const note = parseNote(`${text}\n${line}`);
    expect(note.text).toBe(text);
    expect(note.signatures).toHaveLength(1);
    expect(note.signatures[0]).toMatchObject({ name: 'quasimodo.example/salvatore' });
    expect(formatNote(note)).toBe(`${text}\n${line}`);
    expect(codeOf(() => verifyNote(note, [signer]))).toBe('bad-signature');
  });

  it('signs what it verifies, with several signatures, and ignores unknown ones', () => {
    const note = parseNote(signNote('text\n\nmore\n', [signer, witness]));
    expect(note.text).toBe('text\n\nmore\n');
    expect(verifyNote(note, [signer])).toEqual([signer]);
    expect(verifyNote(note, [witness, signer])).toEqual([signer, witness]);
    expect(codeOf(() => verifyNote(note, [namesake]))).toBe('bad-signature');
    expect(codeOf(() => verifyNote(note, []))).toBe('bad-signature');
  });

  it('refuses the whole note when a trusted signature does not fit', () => {
    const note = parseNote(signNote('text\n', [signer, witness]));
    const swapped = {
      ...note,
      signatures: [note.signatures[0]!, { ...note.signatures[1]!, signature: note.signatures[0]!.signature }],
    };
    expect(codeOf(() => verifyNote(swapped, [signer, witness]))).toBe('bad-signature');
    expect(verifyNote(swapped, [signer])).toEqual([signer]);
    expect(codeOf(() => verifyNote({ ...note, text: 'text2\n' }, [signer]))).toBe('bad-signature');
  });

  it('parses strictly', () => {
    const good = signNote('text\n', [signer]);
    for (const bad of [
      '',
      'text\n',
      'text\n\n',
      good.slice(0, -1),
      good.replace('\u2014', '-'),
      good.replace('\u2014 ', '\u2014  '),
      good.replace('\u2014 ', ' \u2014 '),
      good.replace('veravita', 'vera+vita'),
      good.replace('veravita', 'vera\u2003vita'),
      good.replace('text', 'te\rxt'),
      good.replace('text', 'te\u0000xt'),
      good.replace('text', 'te\ud800xt'),
      `${good}\n`,
      `${good}rest\n`,
      good.replace('=\n', '\n'),
      'text\n\n\u2014 name AAAAAA==\n',
    ]) {
      expect(
        codeOf(() => parseNote(bad)),
        JSON.stringify(bad),
      ).toBe('malformed');
    }
    expect(codeOf(() => parseNote('x'.repeat(600_000)))).toBe('too-large');
    expect(codeOf(() => signNote('no newline', [signer]))).toBe('malformed');
    expect(codeOf(() => signNote('text\n', []))).toBe('malformed');
  });

  it('refuses verifier keys whose id, type or point is wrong', () => {
    const key = encodeVerifierKey(signer);
    expect(parseVerifierKey(key).keyId).toBe(signer.keyId);
    expect(codeOf(() => parseVerifierKey(key.replace('/log+', '/lag+')))).toBe('wrong-key');
    expect(codeOf(() => parseVerifierKey('name'))).toBe('wrong-key');
    expect(codeOf(() => parseVerifierKey(`name+00000000+Ag${'A'.repeat(42)}`))).toBe('wrong-key');
    expect(codeOf(() => parseVerifierKey(`name+00000000+AQ${'A'.repeat(42)}`))).toBe('wrong-key');
  });

  it('only throws Faults for hostile text', () => {
    const good = signNote('text\n', [signer]);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.string({ unit: 'binary', maxLength: 3 }), (at, text) => {
        codeOf(() => verifyNote(parseNote(good.slice(0, at) + text + good.slice(at + 1)), [signer]));
      }),
      { numRuns: 150 },
    );
  });
});

describe('checkpoints', () => {
  // C2SP tlog-checkpoint, the example in its introduction
  it('reads the one of the specification', () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    const line =
      '\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n';
    const { text: body, signatures } = parseNote(`${text}\n${line}`);
    const checkpoint = parseCheckpoint(body);
    expect(checkpoint).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163, extensions: [] });
    expect(formatCheckpoint(checkpoint)).toBe(text);
    expect(signatures.map(({ name }) => name)).toEqual([checkpoint.origin]);
  });

  const root = rootOf([hashLeaf(decodeHex('01'))]);
  const head = { origin: signer.name, size: 1, root };

  it('open under the key of the log only', () => {
    const text = signCheckpoint(head, [signer]);
    const { checkpoint, signedBy } = openCheckpoint(text, [signer], signer.name);
    expect(checkpoint).toEqual({ ...head, extensions: [] });
    expect(signedBy).toEqual([signer]);
    expect(codeOf(() => openCheckpoint(text, [namesake]))).toBe('bad-signature');
    expect(codeOf(() => openCheckpoint(text, [signer], 'other.example'))).toBe('wrong-key');
  });

  it('are parsed strictly', () => {
    const text = formatCheckpoint({ ...head, extensions: [] });
    expect(parseCheckpoint(`${text}extension\n`).extensions).toEqual(['extension']);
    for (const bad of [
      '',
      text.slice(0, -1),
      text.replace('\n1\n', '\n01\n'),
      text.replace('\n1\n', '\n+1\n'),
      text.replace('\n1\n', '\n-1\n'),
      text.replace('\n1\n', '\n1e3\n'),
      text.replace('\n1\n', '\n9007199254740993\n'),
      text.replace('\n1\n', '\n\n'),
      text.replace('=\n', '\n'),
      `\n${text}`,
      `${text}\n`,
      `${signer.name}\n1\nAAAA\n`,
      `${signer.name}\n1\n`,
    ]) {
      expect(
        codeOf(() => parseCheckpoint(bad)),
        JSON.stringify(bad),
      ).toBe('malformed');
    }
    expect(codeOf(() => signCheckpoint({ ...head, size: -1 }, [signer]))).toBe('malformed');
    expect(codeOf(() => signCheckpoint({ ...head, origin: 'a\nb' }, [signer]))).toBe('malformed');
  });
});

describe('tlog-proof', () => {
  const leaves = Array.from({ length: 11 }, (_, i) => hashLeaf(Uint8Array.of(i)));
  const checkpoint = signCheckpoint({ origin: signer.name, size: 11, root: rootOf(leaves) }, [signer, witness]);
  const proof = { index: 6, proof: inclusionProof(leaves, 6), checkpoint };
  const trust = { leafHash: leaves[6]!, keys: [signer], origin: signer.name };

  it('round-trips and verifies, with and without extra data', () => {
    expect(parseTlogProof(encodeTlogProof(proof))).toEqual(proof);
    const withExtra = { ...proof, extra: Uint8Array.of(1, 2, 3) };
    expect(parseTlogProof(encodeTlogProof(withExtra))).toEqual(withExtra);
    expect(encodeTlogProof(proof).split('\n').slice(0, 2)).toEqual(['c2sp.org/tlog-proof@v1', 'index 6']);
    expect(verifyTlogProof(proof, trust).checkpoint.size).toBe(11);
    expect(verifyTlogProof(proof, { ...trust, keys: [signer, witness] }).signedBy).toHaveLength(2);
  });

  it('refuses another entry, index, log, key or path', () => {
    expect(codeOf(() => verifyTlogProof(proof, { ...trust, leafHash: leaves[7]! }))).toBe('inconsistent');
    expect(codeOf(() => verifyTlogProof({ ...proof, index: 7 }, trust))).toBe('inconsistent');
    expect(codeOf(() => verifyTlogProof({ ...proof, proof: proof.proof.slice(1) }, trust))).toBe('inconsistent');
    expect(codeOf(() => verifyTlogProof(proof, { ...trust, keys: [namesake] }))).toBe('bad-signature');
    expect(codeOf(() => verifyTlogProof(proof, { ...trust, origin: 'other.example' }))).toBe('wrong-key');
  });

  it('refuses every flipped byte, as altered text or as a failed check', () => {
    const text = encodeTlogProof({
      ...proof,
      checkpoint: signCheckpoint({ origin: signer.name, size: 11, root: rootOf(leaves) }, [signer]),
    });
    for (let at = 0; at < text.length; at++) {
      const bad = text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
      expect(
        codeOf(() => verifyTlogProof(parseTlogProof(bad), trust)),
        `at ${at}`,
      ).not.toBe('nothing thrown');
    }
  });

  it('parses strictly', () => {
    const text = encodeTlogProof(proof);
    for (const bad of [
      '',
      text.replace('v1', 'v2'),
      text.replace('index 6', 'index 06'),
      text.replace('index 6\n', ''),
    ]) {
      expect(codeOf(() => parseTlogProof(bad))).toBe('malformed');
    }
    expect(codeOf(() => parseTlogProof(text.replace('index', 'extra $\nindex')))).toBe('malformed');
    expect(codeOf(() => parseTlogProof(text.replace('6\n', `6\n${'AAAA\n'.repeat(3)}`)))).toBe('malformed');
  });
});
