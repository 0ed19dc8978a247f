/** Hostile bytes and texts into every decoder of the protocol: a value or a Fault. FUZZ_RUNS sets how many for each. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAcknowledgement, signAcknowledgement } from '../../protocol/acknowledgement.ts';
import { decodeHeader, encodeHeader, readHeader } from '../../protocol/batch.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { parseCheckpoint } from '../../protocol/checkpoint.ts';
import { openCommand, signCommand } from '../../protocol/command.ts';
import { NO_EVENT, readConsentEvent, signConsentEvent } from '../../protocol/consent-event.ts';
import { assembleSigned, readSigned } from '../../protocol/cose.ts';
import { readEnrolment } from '../../protocol/enrolment.ts';
import { decodeContent, decodeEnvelope, encodeContent, encodeEnvelope } from '../../protocol/envelope.ts';
import { isFault } from '../../protocol/fault.ts';
import { knownCharacteristics } from '../../protocol/gatt/catalog.ts';
import { openRotation, readKeyEvent, signKeyEvent } from '../../protocol/key-event.ts';
import { decodeLeaf, encodeLeaf } from '../../protocol/leaf.ts';
import { decodePosition, encodePosition } from '../../protocol/position.ts';
import { decodeReceipt, encodeReceipt } from '../../protocol/receipt.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { parseNote, parseVerifierKey } from '../../protocol/signed-note.ts';
import { parseTlogProof } from '../../protocol/tlog-proof.ts';
import { decodeTrust, encodeTrust } from '../../protocol/trust.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { renderJson, renderReport } from '../../verifier/report.ts';
import { forgedRotation } from '../support/bad-keys.ts';
import { leaves, readings } from '../support/leaf-arbitraries.ts';
import { nodeVerify } from '../support/node-verify.ts';
import {
  buildBatch,
  OTHER_LEAVES,
  PARTIES,
  PATIENT,
  readingLeaves,
  receiptOf,
  SUBJECT,
  trustIn,
} from '../support/receipt-builder.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 500);

const [beat] = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
const batch = buildBatch([beat!, ...OTHER_LEAVES], PARTIES.agent);
const receipt = receiptOf(batch, 0);
const id = new Uint8Array(32).fill(5);
const acknowledgement = { agent: id, outcome: 'refused', at: 5, code: 'bad-leaf', retry: 'never' } as const;
const command = { agent: id, number: 1, expiresAt: 5, collect: [{ subject: SUBJECT, permitted: true }] };
const consent = signConsentEvent(
  {
    type: 'grant',
    subject: SUBJECT,
    seq: 1,
    previous: NO_EVENT,
    at: 5,
    key: SUBJECT,
    grant: id.slice(16),
    terms: { action: 'disclose', grantee: 'Practitioner/a', classes: ['*'], purposes: ['TREAT'], period: { from: 0 } },
  },
  PATIENT,
);
const envelope = { keyId: id.slice(24), agent: id, encapsulated: id, ciphertext: id };

/** Says that every signature holds, so that what is behind one is fuzzed too. */
const anySignature = () => true;
const asSigned = (payload: Uint8Array) => assembleSigned(payload, new Uint8Array(64));

const keyEvent = signKeyEvent(
  {
    type: 'rotation',
    signedRotation: forgedRotation(PARTIES.agent.publicKey, PARTIES.service.publicKey),
    at: 1,
  },
  PARTIES.service,
);

const BYTES: readonly [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
  ['decodeCbor', encodeCbor(new Map([[1, ['a', -300, true]]])), decodeCbor],
  ['decodeLeaf', encodeLeaf(beat!), decodeLeaf],
  ['decodeLeaf of a device', encodeLeaf(OTHER_LEAVES[2]!), decodeLeaf],
  ['decodeHeader', encodeHeader(batch.signed.header), decodeHeader],
  ['readHeader', batch.signed.signed, readHeader],
  ['decodeEnvelope', encodeEnvelope(envelope), decodeEnvelope],
  ['decodeContent', encodeContent({ signedHeader: batch.signed.signed, segments: batch.segments }), decodeContent],
  ['readConsentEvent', consent, readConsentEvent],
  ['readConsentEvent behind its signature', readSigned(consent).payload, (bytes) => readConsentEvent(asSigned(bytes))],
  ['readEnrolment', receipt.enrolment, readEnrolment],
  ['openKeyEvent', keyEvent, readKeyEvent],
  ['openKeyEvent behind its signature', readSigned(keyEvent).payload, (bytes) => readKeyEvent(asSigned(bytes))],
  [
    'openRotation',
    forgedRotation(PARTIES.agent.publicKey, PARTIES.service.publicKey),
    (bytes) => openRotation(bytes, anySignature),
  ],
  [
    'openAcknowledgement',
    readSigned(signAcknowledgement(acknowledgement, PARTIES.service)).payload,
    (bytes) => openAcknowledgement(asSigned(bytes), id, anySignature),
  ],
  [
    'openCommand',
    readSigned(signCommand(command, PARTIES.service)).payload,
    (bytes) => openCommand(asSigned(bytes), id, anySignature),
  ],
  ['decodePosition', encodePosition({ commitment: id, index: 1, treeSize: 300 }), decodePosition],
  ['verifyReceipt', new TextEncoder().encode(encodeReceipt(receipt)), checkAndRender],
];

const note = receipt.logProof.slice(receipt.logProof.indexOf('\n\n') + 2);
const TEXTS: readonly [string, string, (text: string) => unknown][] = [
  ['parseNote', note, parseNote],
  ['parseCheckpoint', parseNote(note).text, parseCheckpoint],
  ['parseTlogProof', receipt.logProof, parseTlogProof],
  ['parseVerifierKey', JSON.parse(encodeTrust(trustIn(PARTIES))).log, parseVerifierKey],
  ['decodeReceipt', encodeReceipt(receipt), decodeReceipt],
  ['decodeTrust', encodeTrust(trustIn(PARTIES)), decodeTrust],
  ['verifyReceipt', encodeReceipt(receipt), checkAndRender],
];

/** Verifying never throws, and what it says can always be shown. */
function checkAndRender(text: string | Uint8Array): void {
  const verdict = verifyReceipt(text, trustIn(PARTIES), nodeVerify);
  renderReport('r', verdict, true);
  JSON.parse(renderJson('r', verdict));
}

/** Random octets, and a good value with some changed, put in, taken out, or repeated. */
function mutated(good: Uint8Array): fc.Arbitrary<Uint8Array> {
  const change = fc.tuple(fc.nat({ max: good.length }), fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 4 }));
  const altered = fc.array(change, { maxLength: 4 }).map((changes) => {
    const list = [...good];
    for (const [at, removed, added] of changes) list.splice(at, removed, ...added);
    return Uint8Array.from(list);
  });
  const bits = fc
    .array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 })
    .map((changes) => {
      const bytes = good.slice();
      for (const [at, mask] of changes) bytes[at]! ^= mask;
      return bytes;
    });
  return fc.oneof(fc.uint8Array({ maxLength: 80 }), altered, bits);
}

function mutatedText(good: string): fc.Arbitrary<string> {
  const part = fc.oneof(fc.string({ maxLength: 4 }), fc.string({ unit: 'binary', maxLength: 2 }), fc.constant('\n'));
  const change = fc.tuple(fc.nat({ max: good.length }), fc.nat({ max: 3 }), part);
  const altered = fc
    .array(change, { maxLength: 4 })
    .map((changes) => changes.reduce((text, [at, cut, add]) => text.slice(0, at) + add + text.slice(at + cut), good));
  return fc.oneof(fc.string({ unit: 'binary' }), fc.json(), altered);
}

function returnsOrRefuses(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if (!isFault(error)) throw error;
  }
}

describe('bytes', () => {
  it.each(BYTES)('%s', (_, good, decode) => {
    decode(good);
    fc.assert(
      fc.property(mutated(good), (bytes) => returnsOrRefuses(() => decode(bytes))),
      { numRuns },
    );
  });

  it('that decode as CBOR are its one encoding', () => {
    fc.assert(
      fc.property(mutated(encodeLeaf(beat!)), (bytes) => {
        returnsOrRefuses(() => expect(encodeHex(encodeCbor(decodeCbor(bytes)))).toBe(encodeHex(bytes)));
      }),
      { numRuns: 2 * numRuns },
    );
  });

  it('that decode as a leaf are its one encoding', () => {
    const any = leaves.chain((leaf) => mutated(encodeLeaf(leaf)));
    fc.assert(
      fc.property(any, (bytes) => {
        returnsOrRefuses(() => expect(encodeHex(encodeLeaf(decodeLeaf(bytes)))).toBe(encodeHex(bytes)));
      }),
      { numRuns },
    );
  });
});

describe('texts', () => {
  it.each(TEXTS)('%s', (_, good, decode) => {
    decode(good);
    fc.assert(
      fc.property(mutatedText(good), (text) => returnsOrRefuses(() => decode(text))),
      { numRuns },
    );
  });
});

describe('readings', () => {
  it('of any leaf are explained or found to differ', () => {
    const known = fc.constantFrom(...knownCharacteristics());
    fc.assert(
      fc.property(readings, known, (leaf, characteristic) => {
        expect(explainReading({ ...leaf, characteristic })).not.toBe('');
      }),
      { numRuns },
    );
  });

  it('of an honest agent can be sealed and shown, whatever the sensor sent', () => {
    const hex = fc.uint8Array({ maxLength: 24 }).map(encodeHex);
    const start = fc
      .tuple(fc.integer({ min: 1580, max: 10_001 }), fc.uint8Array({ minLength: 7, maxLength: 7 }))
      .map(([year, rest]) => encodeHex(Uint8Array.of(year & 255, year >> 8, ...rest.map((octet) => octet % 61))));
    const characteristics = [0x2a19, 0x2a1c, 0x2a35, 0x2a37, 0x2a5e, 0x2a5f, 0x2aa7];
    const glucose = fc.uint8Array({ minLength: 4, maxLength: 4 }).map((octets) => `0600${encodeHex(octets)}`);
    const values = fc.oneof(fc.tuple(fc.constantFrom(...characteristics), hex), fc.tuple(fc.constant(0x2aa7), glucose));
    fc.assert(
      fc.property(values, start, ([characteristic, value], sessionStart) => {
        returnsOrRefuses(() => {
          for (const leaf of readingLeaves({ characteristic, hex: value, sessionStart })) {
            expect(decodeLeaf(encodeLeaf(leaf))).toEqual(leaf);
            expect(explainReading(leaf)).toBeUndefined();
          }
        });
      }),
      { numRuns: 2 * numRuns },
    );
  });
});
