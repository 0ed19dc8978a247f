import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { leafHash, openHeader } from '../../protocol/batch.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { foldEvents } from '../../protocol/consent-chain.ts';
import { verifyEd25519 } from '../../protocol/ed25519.ts';
import { decodeContent, decodeEnvelope } from '../../protocol/envelope.ts';
import { erasureMark, openErasureCertificate, openErasureOrder } from '../../protocol/erasure.ts';
import { openKeyEvent } from '../../protocol/key-event.ts';
import { decodeLeaf, encodeLeaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { inclusionProof, rootOf } from '../../protocol/merkle.ts';
import { decodeReceipt } from '../../protocol/receipt.ts';
import { explainReading } from '../../protocol/recheck.ts';
import { isBySubject, openSupersession } from '../../protocol/supersession.ts';
import { decodeTrust } from '../../protocol/trust.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { seedOf } from '../support/receipt-builder.ts';
import { makeFormatVectors } from '../vectors/make-format-vectors.ts';

const text = readFileSync(new URL('../vectors/format.json', import.meta.url), 'utf8');
const vectors = JSON.parse(text);

interface VectorLeaf {
  readonly body: string;
  readonly salt: string;
  readonly hash: string;
}

describe('format.json', () => {
  it('is what its script makes', async () => {
    // Otherwise the format has changed: run test/vectors/make-format-vectors.ts, and say so in docs/format.md.
    expect(await makeFormatVectors()).toBe(text);
  });

  it('holds together: leaves, salts, hashes, root and header', () => {
    const leaves: VectorLeaf[] = vectors.batch.segments.flatMap((segment: { leaves: VectorLeaf[] }) => segment.leaves);
    const hashes = leaves.map(({ salt, body }) => leafHash(decodeHex(salt), decodeHex(body)));
    expect(hashes.map(encodeHex)).toEqual(leaves.map(({ hash }) => hash));
    expect(encodeHex(rootOf(hashes))).toBe(vectors.batch.root);
    const { header, id } = openHeader(
      decodeHex(vectors.batch.signed),
      decodeHex(vectors.keys.agent.publicKey),
      verifyEd25519,
    );
    expect([encodeHex(header.root), encodeHex(id)]).toEqual([vectors.batch.root, vectors.batch.id]);
    expect(decodeReceipt(vectors.receipt).path).toEqual(inclusionProof(hashes, 1));
  });

  it('has readings that their own bytes explain', () => {
    for (const { body } of vectors.readings as { body: string }[]) {
      const leaf = decodeLeaf(decodeHex(body)) as ReadingLeaf;
      expect(leaf.companion ?? leaf.feature ?? leaf.carrier ?? leaf.characteristic === 0x2b36).toBeTruthy();
      expect(explainReading(leaf)).toBeUndefined();
    }
  });

  it('has an envelope that the service opens', async () => {
    const unsealer = await createUnsealer(seedOf(5));
    expect(encodeHex(unsealer.publicKey)).toBe(vectors.envelope.recipientPublicKey);
    const plaintext = await unsealer.open(decodeEnvelope(decodeHex(vectors.envelope.envelope)));
    expect(encodeHex(plaintext)).toBe(vectors.envelope.plaintext);
    expect(encodeHex(new Uint8Array(inflateRawSync(decodeHex(vectors.envelope.deflated))))).toBe(encodeHex(plaintext));
    expect(encodeHex(decodeContent(plaintext).signedHeader)).toBe(vectors.batch.signed);
  });

  it('has a consent chain that adds up', () => {
    const events = vectors.consent.events.map(({ signed }: { signed: string }) => decodeHex(signed));
    const { subject, head } = vectors.consent;
    const state = foldEvents(decodeHex(subject), decodeHex(vectors.keys.patient.publicKey), events, verifyEd25519);
    expect(encodeHex(state.head)).toBe(head);
  });

  it('has an erasure and a correction that hold, and are what they name', () => {
    const { erasure, correction, keys } = vectors;
    const service = decodeHex(keys.service.publicKey);
    const order = openErasureOrder(decodeHex(erasure.order), service, verifyEd25519);
    expect(encodeHex(erasureMark(order.id, decodeHex(vectors.consent.subject)))).toBe(encodeHex(order.mark));
    const { agents, number } = openErasureCertificate(decodeHex(erasure.certificate), service, verifyEd25519);
    expect([number, agents[0]!.confirmedAt !== undefined, agents[1]!.confirmedAt]).toEqual([2, true, undefined]);
    const opened = openSupersession(decodeHex(correction.supersession), service, verifyEd25519);
    expect([opened.by, isBySubject(opened), encodeHex(opened.body)]).toEqual(['patient', true, correction.leaves[0]]);
    for (const leaf of correction.leaves) expect(encodeHex(encodeLeaf(decodeLeaf(decodeHex(leaf))))).toBe(leaf);
  });

  it('has a receipt that is genuine', () => {
    expect(verifyReceipt(vectors.receipt, decodeTrust(vectors.trust)).verdict).toBe('genuine');
  });

  it('has key events, and a receipt that carries one', () => {
    const service = decodeHex(vectors.keys.service.publicKey);
    const events = (vectors.keyEvents as { signed: string }[]).map(({ signed }) =>
      openKeyEvent(decodeHex(signed), service, verifyEd25519),
    );
    expect(events.map(({ type }) => type)).toEqual(['rotation', 'revocation', 'admission', 'revocation']);
    expect(events.map((event) => event.type === 'revocation' && event.newest !== undefined)).toEqual([
      false,
      true,
      false,
      false,
    ]);
    const { verdict } = verifyReceipt(vectors.receiptWithKeyHistory, decodeTrust(vectors.trust));
    expect(verdict).toBe('genuine');
  });

  it('has a receipt that two witnesses cosigned', () => {
    const { receipt, trust, trustThatAsksForMore } = vectors.cosigned;
    expect(verifyReceipt(receipt, decodeTrust(vectors.trust)).verdict).toBe('genuine');
    expect(verifyReceipt(receipt, decodeTrust(trust)).verdict).toBe('genuine');
    expect(verifyReceipt(receipt, decodeTrust(trustThatAsksForMore)).verdict).toBe('not-provable');
    expect(verifyReceipt(vectors.receipt, decodeTrust(trust)).verdict).toBe('not-provable');
  });
});
