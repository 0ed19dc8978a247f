import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeAddCheckpoint,
  parseAddCheckpoint,
  parseSignatureLines,
  parseTreeSize,
} from '../../protocol/add-checkpoint.ts';
import { decodeBase64, decodeUtf8 } from '../../protocol/bytes.ts';
import { parseCheckpoint, signCheckpoint } from '../../protocol/checkpoint.ts';
import {
  addSignatures,
  assertDistinctWitnesses,
  COSIGNATURE_TYPE,
  cosign,
  cosignedMessage,
  cosignerOf,
  encodeWitnessKey,
  openCosignatures,
  parseWitnessKey,
  readCosignature,
  witnessKeyOf,
} from '../../protocol/cosignature.ts';
import {
  encodeVerifierKey,
  formatNote,
  keyIdOf,
  noteSignerOf,
  parseNote,
  parseVerifierKey,
  verifyNote,
} from '../../protocol/signed-note.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { seedOf } from '../support/receipt-builder.ts';

const log = noteSignerOf('log.example/veravita', seedOf(3));
const one = cosignerOf('one.example/witness', seedOf(31));
const two = cosignerOf('two.example/witness', seedOf(32));
const checkpoint = signCheckpoint({ origin: log.name, size: 11, root: seedOf(9) }, [log]);
const note = parseNote(checkpoint);

/** The example of C2SP tlog-cosignature; whose key it is, the text does not tell. */
const C2SP_EXAMPLE = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`;

/** A cosignature that a deployed witness gave to a public log of Android images. */
const DEPLOYED = {
  text: `developers.google.com/android/binary_transparency/google1p/0
5
xqaCEZhTGZUuKNA7MpSyxe1WXiiESB2p+crAyzM+Vxo=
`,
  publicKey: decodeBase64('pTPPKyRu6Q3PoMkeY+/sNni0biF4vnVTYRHbVNA31mY='),
  signature: decodeBase64(
    'r0xBJQAAAABnkyoLuHgN5KlIUUpZV9hulwsFcgqV5v1CyeIhBZWdkfOJT0ims1LqbYygO5MEl91CGha5sP79K57P7lIGrz7Qtx8eBw==',
  ).slice(4),
};

describe('cosignatures', () => {
  it('are framed and signed as C2SP shows', () => {
    const { text, signatures } = parseNote(C2SP_EXAMPLE);
    const line = signatures[1]!;
    expect(line.signature.length).toBe(8 + 64);
    expect(new DataView(line.signature.buffer, line.signature.byteOffset).getBigUint64(0)).toBe(1_679_315_147n);
    expect(decodeUtf8(cosignedMessage(text, 1_679_315_147))).toBe(
      'cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n' +
        'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
    );
    expect(formatNote(parseNote(C2SP_EXAMPLE))).toBe(C2SP_EXAMPLE);
  });

  it('of a witness that others run verify, to the second', () => {
    const { text, publicKey, signature } = DEPLOYED;
    const witness = witnessKeyOf('witness', publicKey);
    const line = { name: witness.name, keyId: witness.keyId, signature };
    for (const verify of [undefined, nodeVerify]) {
      expect(readCosignature(text, line, witness, verify)).toEqual({ witness, timestamp: 0x67932a0b });
      expect(readCosignature(text.replace('\n5\n', '\n6\n'), line, witness, verify)).toBeUndefined();
    }
    const later = signature.slice();
    later[7]! ^= 1;
    expect(readCosignature(text, { ...line, signature: later }, witness)).toBeUndefined();
  });

  it('are added, opened, and replaced by the same witness, each witness once', () => {
    const both = addSignatures(note, [cosign(note.text, one, 100), cosign(note.text, two, 200)]);
    expect(both.startsWith(checkpoint)).toBe(true);
    const opened = openCosignatures(parseNote(both), [two, one]);
    expect(opened.map(({ witness, timestamp }) => [witness.name, timestamp])).toEqual([
      [one.name, 100],
      [two.name, 200],
    ]);
    expect(verifyNote(parseNote(both), [log])).toEqual([log]);
    const again = addSignatures(parseNote(both), [cosign(note.text, one, 300)]);
    expect(parseNote(again).signatures).toHaveLength(3);
    expect(openCosignatures(parseNote(again), [one])[0]!.timestamp).toBe(300);
    const doubled = { ...note, signatures: [cosign(note.text, one, 300), cosign(note.text, one, 100)] };
    expect(openCosignatures(doubled, [one]).map(({ timestamp }) => timestamp)).toEqual([300]);
  });

  it('count for nothing under other keys, other texts and other times', () => {
    const line = cosign(note.text, one, 100);
    expect(openCosignatures({ ...note, signatures: [line] }, [two])).toEqual([]);
    const namesake = witnessKeyOf(one.name, two.witnessKey);
    expect(openCosignatures({ ...note, signatures: [line] }, [namesake])).toEqual([]);
    const elsewhere = { text: note.text.replace('\n11\n', '\n12\n'), signatures: [line] };
    expect(faultOf(() => openCosignatures(elsewhere, [one]))).toBe('bad-signature');
    for (let at = 0; at < line.signature.length; at++) {
      const signature = line.signature.slice();
      signature[at]! ^= 0x80;
      expect(
        faultOf(() => openCosignatures({ ...note, signatures: [{ ...line, signature }] }, [one])),
        `${at}`,
      ).toBe('bad-signature');
    }
    for (const length of [0, 8, 64, 71, 73]) {
      const signature = new Uint8Array(length);
      expect(faultOf(() => openCosignatures({ ...note, signatures: [{ ...line, signature }] }, [one]))).toBe(
        'bad-signature',
      );
    }
  });

  it('never make a checkpoint the log’s', () => {
    const alone = formatNote({ text: note.text, signatures: [cosign(note.text, cosignerOf(log.name, seedOf(3)), 1)] });
    expect(faultOf(() => verifyNote(parseNote(alone), [log]))).toBe('bad-signature');
  });

  it('have times that are whole and not before 1970', () => {
    for (const time of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(faultOf(() => cosign(note.text, one, time))).toBe('range');
    expect(openCosignatures({ ...note, signatures: [cosign(note.text, one, 0)] }, [one])[0]!.timestamp).toBe(0);
  });
});

describe('keys of witnesses', () => {
  it('travel as text of type 4, apart from those of logs', () => {
    const text = encodeWitnessKey(one);
    const { sign, ...key } = one;
    expect(parseWitnessKey(text)).toEqual(key);
    expect(decodeBase64(text.split('+').slice(2).join('+'))[0]).toBe(COSIGNATURE_TYPE);
    expect(one.keyId).toBe(keyIdOf(one.name, one.witnessKey, 4));
    expect(faultOf(() => parseVerifierKey(text))).toBe('wrong-key');
    expect(faultOf(() => parseWitnessKey(encodeVerifierKey(log)))).toBe('wrong-key');
    expect(faultOf(() => parseWitnessKey(text.replace('one.', 'eno.')))).toBe('wrong-key');
  });

  it('are different parties, or refused', () => {
    const alias = witnessKeyOf('alias.example', one.witnessKey);
    expect(faultOf(() => assertDistinctWitnesses([one, two], log.publicKey))).toBe('none');
    expect(faultOf(() => assertDistinctWitnesses([one, two, alias]))).toBe('wrong-key');
    expect(faultOf(() => assertDistinctWitnesses([one], one.witnessKey))).toBe('wrong-key');
  });
});

describe('what is sent to a witness', () => {
  it('is read as C2SP shows it', () => {
    const example = `old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
`;
    const request = parseAddCheckpoint(example);
    expect([request.oldSize, request.proof.length]).toEqual([20_852_014, 4]);
    expect(parseCheckpoint(parseNote(request.checkpoint).text).size).toBe(20_852_163);
    expect(encodeAddCheckpoint(request)).toBe(example);
  });

  it('comes back as it was, whatever it holds', () => {
    const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const request = fc.record({ oldSize: fc.maxSafeNat(), proof: fc.array(hash, { maxLength: 63 }) });
    fc.assert(
      fc.property(request, (some) => {
        const whole = { ...some, checkpoint };
        expect(parseAddCheckpoint(encodeAddCheckpoint(whole))).toEqual(whole);
      }),
    );
  });

  it('is refused when it breaks the form', () => {
    const good = encodeAddCheckpoint({ oldSize: 3, proof: [seedOf(1)], checkpoint });
    for (const bad of [
      '',
      'old 3\n',
      good.replace('old 3', 'old 03'),
      good.replace('old 3', 'old  3'),
      good.replace('old 3', 'old -3'),
      good.replace('old 3', 'old 9007199254740993'),
      good.replace('old 3', 'size 3'),
      good.replace('AQEB', 'AQE'),
      good.replace('\n\n', '\n'),
      encodeAddCheckpoint({ oldSize: 3, proof: Array(64).fill(seedOf(1)), checkpoint }),
    ]) {
      const refused = faultOf(() => parseNote(parseAddCheckpoint(bad).checkpoint));
      expect(refused, bad.slice(0, 40)).toBe('malformed');
    }
  });

  it('is answered by signature lines or a size, and nothing else', () => {
    const [line] = parseNote(
      addSignatures({ text: note.text, signatures: [] }, [cosign(note.text, one, 5)]),
    ).signatures;
    const body = formatNote({ text: note.text, signatures: [line!] }).slice(note.text.length + 1);
    expect(parseSignatureLines(note.text, body)).toEqual([line]);
    for (const bad of ['', 'ok\n', `\n\n${body}`, `${body}\n${body}`, `${body}\n`]) {
      expect(
        faultOf(() => parseSignatureLines(note.text, bad)),
        bad,
      ).toBe('malformed');
    }
    expect(parseTreeSize('20852163\n')).toBe(20_852_163);
    for (const bad of ['', '1', '01\n', '1\n\n', '-1\n', 'x\n'])
      expect(faultOf(() => parseTreeSize(bad))).toBe('malformed');
  });
});
