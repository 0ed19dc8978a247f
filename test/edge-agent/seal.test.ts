import { randomBytes } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import { createContentSealer, type SealContent, sealBatch } from '../../edge-agent/seal.ts';
import { batchRoot, ENVELOPE_INFO, NO_BATCH, openHeader, segmentHashes } from '../../protocol/batch.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { createSigner } from '../../protocol/cose.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { decodeContent, decodeEnvelope, envelopeAad } from '../../protocol/envelope.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { decodeLeaf, encodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { NOON } from '../support/test-gateway.ts';

const suite = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes256Gcm() });
const pair = await suite.kem.generateKeyPair();
const sealContent = await createContentSealer(new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)));
const signer = createSigner(new Uint8Array(32).fill(5));
const place = { agent: thumbprint(signer.publicKey), boot: new Uint8Array(16), sequence: 1, previous: NO_BATCH };

function reading(subject: number, vital: number, at: number, raw = Uint8Array.of(0, 60)): ReadingLeaf {
  return {
    kind: 'reading',
    subject: new Uint8Array(32).fill(subject),
    device: new Uint8Array(16).fill(subject),
    vital,
    measuredAt: at,
    measuredBy: 'gateway',
    heardAt: at,
    zoneMin: 0,
    value: { mantissa: 60, exponent: 0 },
    unit: '/min',
    flags: [],
    test: true,
    characteristic: 0x2a37,
    raw,
    ordinal: 0,
  };
}

async function sealAndOpen(leaves: readonly Leaf[], seal: SealContent = sealContent) {
  const sealed = await sealBatch(leaves.map(encodeLeaf), place, {
    signer,
    sealContent: seal,
    spokenOf: (subject) => (subject[0] === 1 ? 7 : 0),
  });
  const envelope = decodeEnvelope(sealed.envelope);
  const plaintext = await suite.open(
    { recipientKey: pair.privateKey, enc: envelope.encapsulated, info: ENVELOPE_INFO },
    envelope.ciphertext,
    envelopeAad(envelope),
  );
  const content = decodeContent(new Uint8Array(inflateRawSync(plaintext)));
  return { sealed, content, opened: openHeader(content.signedHeader, signer.publicKey, verifyEd25519) };
}

describe('sealBatch', () => {
  it('opens to the same leaves, sorted and segmented, under the signed root', async () => {
    const leaves: Leaf[] = [
      reading(2, 5, NOON + 3),
      reading(1, 9, NOON + 2),
      reading(1, 5, NOON + 1),
      reading(1, 5, NOON),
      {
        kind: 'coverage',
        subject: new Uint8Array(32).fill(1),
        device: new Uint8Array(16),
        from: NOON - 5,
        to: NOON + 9,
        state: 'received',
        test: true,
      },
    ];
    const { sealed, content, opened } = await sealAndOpen(leaves);
    expect(content.segments.map(({ start, bodies }) => [start, bodies.length])).toEqual([
      [0, 2],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 1],
    ]);
    // The first coverage leaf of each patient says how much there is; who has none gets one that speaks for no time.
    const told = { ...leaves[4], tally: { readings: 3, coverages: 1, after: 7 } };
    const { subject, device } = leaves[0]!;
    const at = NOON + 3;
    const tally = { readings: 1, coverages: 1, after: 0 };
    const added = { kind: 'coverage', subject, device, from: at, to: at, state: 'received', tally, test: true };
    const expected = [leaves[3], leaves[2], leaves[1], told, leaves[0], added];
    expect(sealed.subjects).toEqual([leaves[3]!.subject, subject]);
    expect(content.segments.flatMap(({ bodies }) => bodies.map(decodeLeaf))).toEqual(expected);
    expect(opened.header).toEqual(sealed.header);
    expect(opened.id).toEqual(sealed.id);
    expect(opened.header).toMatchObject({ openedAt: NOON - 5, closedAt: NOON + 9, leafCount: 6, sequence: 1 });
    expect(encodeHex(batchRoot(content.segments))).toBe(encodeHex(opened.header.root));
  });

  it('hashes two equal readings to different leaves', async () => {
    const { content } = await sealAndOpen([reading(1, 5, NOON), reading(1, 5, NOON), reading(1, 6, NOON)]);
    const hashes = content.segments.flatMap(segmentHashes).map(encodeHex);
    expect(content.segments[0]!.bodies[0]).toEqual(content.segments[0]!.bodies[1]);
    expect(new Set(hashes).size).toBe(4);
    const again = await sealAndOpen([reading(1, 5, NOON)]);
    expect(hashes).not.toContain(encodeHex(segmentHashes(again.content.segments[0]!)[0]!));
  });

  it('binds the ciphertext to agent and key', async () => {
    const sealed = await sealBatch([encodeLeaf(reading(1, 5, NOON))], place, {
      signer,
      sealContent,
      spokenOf: () => 0,
    });
    const envelope = decodeEnvelope(sealed.envelope);
    const aad = envelopeAad({ ...envelope, agent: new Uint8Array(32) });
    const params = { recipientKey: pair.privateKey, enc: envelope.encapsulated, info: ENVELOPE_INFO };
    await expect(suite.open(params, envelope.ciphertext, aad)).rejects.toThrow();
  });

  it('refuses what does not fit into an envelope', async () => {
    const leaves = Array.from({ length: 2500 }, (_, i) => reading(1, 5, NOON + i, new Uint8Array(randomBytes(500))));
    const bodies = leaves.map(encodeLeaf);
    await expect(sealBatch(bodies, place, { signer, sealContent, spokenOf: () => 0 })).rejects.toMatchObject({
      code: 'too-large',
    });
  });

  it('refuses a service key that is none', async () => {
    await expect(createContentSealer(new Uint8Array(31))).rejects.toMatchObject({ code: 'malformed' });
  });
});
