import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  batchRoot,
  compareLeaves,
  decodeHeader,
  ENVELOPE_INFO,
  encodeHeader,
  formatReadingId,
  leafHash,
  leafSalt,
  MAX_LEAVES,
  NO_BATCH,
  openHeader,
  parseReadingId,
  readHeader,
  sameSegment,
  segmentHashes,
} from '../../protocol/batch.ts';
import { compareBytes, concatBytes, decodeHex, encodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { assembleSigned, readSigned } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { encodeId, thumbprint } from '../../protocol/keys.ts';
import { encodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { inclusionProof, verifyInclusion } from '../../protocol/merkle.ts';
import { faultOf } from '../support/fault-of.ts';
import { leaves as anyLeaf } from '../support/leaf-arbitraries.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { buildBatch, HEARD_AT, OTHER_LEAVES, PARTIES, readingLeaves, signerOf } from '../support/receipt-builder.ts';

async function webSha256(bytes: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)));
}

const heart = (hex: string, heardAt: number) => readingLeaves({ characteristic: 0x2a37, hex, heardAt })[0]!;
const beats = [heart('06aa', HEARD_AT + 2000), heart('063c', HEARD_AT), heart('063c', HEARD_AT + 1000)];
const pressure = readingLeaves({ characteristic: 0x2a35, hex: '00780050005d00' });
const batch = buildBatch([...beats, ...pressure, ...OTHER_LEAVES], PARTIES.agent);

describe('order and segments', () => {
  it('sorts by patient, kind, vital sign and time, and keeps equal leaves as they were heard', () => {
    expect(
      batch.leaves.map((leaf) => (leaf.kind === 'reading' ? `${leaf.vital} ${leaf.measuredAt}` : leaf.kind)),
    ).toEqual([
      `147842 ${HEARD_AT}`,
      `147842 ${HEARD_AT + 1000}`,
      `147842 ${HEARD_AT + 2000}`,
      `150020 ${HEARD_AT}`,
      'coverage',
      'clock',
      'device',
    ]);
    const twins = [heart('0601', HEARD_AT), heart('0602', HEARD_AT), heart('0603', HEARD_AT)];
    expect(twins.toSorted(compareLeaves)).toEqual(twins);
  });

  it('puts subjects first, by their bytes', () => {
    const first = { ...beats[0]!, subject: new Uint8Array(32) } satisfies ReadingLeaf;
    expect([...batch.leaves, first].toSorted(compareLeaves)[0]).toBe(first);
  });

  it('makes one segment of what is of one patient, kind and vital sign', () => {
    expect(batch.segments.map(({ start, bodies }) => [start, bodies.length])).toEqual([
      [0, 3],
      [3, 1],
      [4, 1],
      [5, 1],
      [6, 1],
    ]);
    expect(sameSegment(beats[0]!, beats[1]!)).toBe(true);
    expect(sameSegment(beats[0]!, pressure[0]!)).toBe(false);
    expect(sameSegment(beats[0]!, { ...beats[1]!, subject: new Uint8Array(32) })).toBe(false);
  });

  it('is a total order on any leaves', () => {
    fc.assert(
      fc.property(fc.array(anyLeaf, { maxLength: 8 }), (list) => {
        const sorted = list.toSorted(compareLeaves);
        for (const [i, leaf] of sorted.slice(1).entries())
          expect(compareLeaves(sorted[i]!, leaf)).toBeLessThanOrEqual(0);
        expect(sorted.toReversed().toSorted(compareLeaves).map(keyOf)).toEqual(sorted.map(keyOf));
      }),
      { numRuns: 100 },
    );
    function keyOf(leaf: Leaf): string {
      const times = {
        reading: 'measuredAt',
        coverage: 'from',
        clock: 'heardAt',
        device: 'heardAt',
        correction: 'correctedAt',
      };
      const at = times[leaf.kind];
      const vital = leaf.kind === 'reading' ? leaf.vital : 0;
      return [encodeHex(leaf.subject), leaf.kind, vital, (leaf as unknown as Record<string, number>)[at]].join();
    }
  });
});

describe('salts and hashes', () => {
  it('has a salt for each index: SHA-256(key || index as 4 octets)', async () => {
    const key = new Uint8Array(32).fill(7);
    for (const index of [0, 1, 255, 256, 9999]) {
      const counter = new Uint8Array([0, 0, index >> 8, index & 255]);
      expect(leafSalt(key, index)).toEqual(await webSha256(concatBytes(key, counter)));
    }
  });

  it('hashes 0x00 || CBOR([domain, salt, body])', async () => {
    for (const length of [0, 23, 24, 255, 256, 65_536]) {
      const salt = new Uint8Array(32).fill(length);
      // The body goes in as it is: an item of its own, whose octets are not wrapped.
      const body = encodeCbor(new Uint8Array(length));
      const item = concatBytes(decodeHex('83'), encodeCbor('veravita/v1/leaf'), encodeCbor(salt), body);
      expect(decodeCbor(item)).toHaveLength(3);
      expect(leafHash(salt, body)).toEqual(await webSha256(concatBytes(new Uint8Array(1), item)));
    }
  });

  it('gives two equal readings two hashes', () => {
    const [first, second] = batch.segments[0]!.bodies;
    expect(beats[1]!.value).toEqual(beats[2]!.value);
    expect(leafHash(leafSalt(batch.segments[0]!.key, 0), first!)).not.toEqual(
      leafHash(leafSalt(batch.segments[0]!.key, 1), first!),
    );
    expect(segmentHashes(batch.segments[0]!)[1]).toEqual(leafHash(leafSalt(batch.segments[0]!.key, 1), second!));
  });

  it('proves every leaf against the root in the header', () => {
    const { root, leafCount } = batch.signed.header;
    expect(batchRoot(batch.segments)).toEqual(root);
    for (const [index, leafHash] of batch.leafHashes.entries()) {
      const proof = inclusionProof(batch.leafHashes, index);
      expect(verifyInclusion({ leafHash, index, treeSize: leafCount, proof, root })).toBe(true);
    }
  });
});

describe('header', () => {
  const { header, signed, id } = batch.signed;

  it('comes back as it was, with its id', () => {
    expect(decodeHeader(encodeHeader(header))).toEqual(header);
    expect(readHeader(signed)).toEqual({ header, signed, id });
    expect(openHeader(signed, PARTIES.agent.publicKey, verifyEd25519)).toEqual({ header, signed, id });
    expect(header.agent).toEqual(thumbprint(PARTIES.agent.publicKey));
  });

  it('has an id that no signature changes', () => {
    const { payload } = readSigned(signed);
    expect(readHeader(assembleSigned(payload, new Uint8Array(64))).id).toEqual(id);
    const other = buildBatch(batch.leaves, PARTIES.agent, { sequence: 2, previous: id }).signed;
    expect(compareBytes(other.id, id)).not.toBe(0);
  });

  it('does not open under another key', () => {
    expect(faultOf(() => openHeader(signed, signerOf(9).publicKey, nodeVerify))).toBe('bad-signature');
  });

  it.each<[string, Record<number, CborValue>, string]>([
    ['version 2', { 0: 2 }, 'version'],
    ['a short agent', { 1: new Uint8Array(31) }, 'malformed'],
    ['a short boot id', { 2: new Uint8Array(15) }, 'malformed'],
    ['sequence 0', { 3: 0 }, 'malformed'],
    ['a negative sequence', { 3: -1 }, 'malformed'],
    ['no leaf', { 7: 0 }, 'malformed'],
    ['too many leaves', { 7: MAX_LEAVES + 1 }, 'too-large'],
    ['a short root', { 8: new Uint8Array(31) }, 'malformed'],
    ['another field', { 9: 0 }, 'malformed'],
  ])('is refused with %s', (_, changes, code) => {
    const fields = new Map(decodeCbor(encodeHeader(header)) as ReadonlyMap<number, CborValue>);
    for (const [key, value] of Object.entries(changes)) fields.set(Number(key), value);
    expect(faultOf(() => decodeHeader(encodeCbor(fields)))).toBe(code);
  });

  it('is refused in every proper prefix', () => {
    const payload = encodeHeader(header);
    for (let end = 0; end < payload.length; end++) {
      expect(faultOf(() => decodeHeader(payload.subarray(0, end)))).toBe('malformed');
    }
  });

  it('says that there was no batch before with 32 zeros', () => {
    expect(NO_BATCH).toEqual(new Uint8Array(32));
    expect(ENVELOPE_INFO).toEqual(encodeUtf8('veravita/v1/envelope'));
  });
});

describe('reading id', () => {
  const batchId = encodeId(batch.signed.id);

  it('is batch id and index', () => {
    expect(formatReadingId(batchId, 12)).toBe(`${batchId}.12`);
    expect(parseReadingId(`${batchId}.12`)).toEqual({ batch: batchId, index: 12 });
    expect(parseReadingId(`${batchId}.0`)).toEqual({ batch: batchId, index: 0 });
  });

  it.each([
    '',
    '.',
    batchId,
    `${batchId}.`,
    `${batchId}.01`,
    `${batchId}.-1`,
    `${batchId}.1e1`,
    `${batchId}.100000`,
    `${batchId}.1\n`,
    `${batchId.toUpperCase()}.1`,
    `${batchId.slice(1)}.1`,
  ])('is nothing else: %j', (id) => {
    expect(parseReadingId(id)).toBeUndefined();
  });

  it('holds the body of no leaf', () => {
    for (const leaf of batch.leaves) expect(batchId).not.toContain(encodeHex(encodeLeaf(leaf)).slice(0, 8));
  });
});
