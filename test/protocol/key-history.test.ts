/** Receipts of batches whose key was replaced, revoked or admitted: what holds, and what is seen through. */
import { describe, expect, it } from 'vitest';
import type { BatchHeader } from '../../protocol/batch.ts';
import type { Signer } from '../../protocol/cose.ts';
import { type KeyEventWish, signKeyEvent, signRotation } from '../../protocol/key-event.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { decodeReceipt, encodeReceipt, MAX_KEY_EVENTS, type Receipt } from '../../protocol/receipt.ts';
import { NOT_SHOWN, verifyReceipt } from '../../protocol/verify.ts';
import { faultOf } from '../support/fault-of.ts';
import { receiptWithHistory } from '../support/key-history-builder.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { buildBatch, HEARD_AT, PARTIES, readingLeaves, signerOf, trustIn } from '../support/receipt-builder.ts';

const { agent: first, service } = PARTIES;
const second = signerOf(51);
const third = signerOf(52);
const leaves = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
const batchOf = (signer: Signer, header: Partial<BatchHeader> = {}) => buildBatch(leaves, signer, header);
const LAST = batchOf(first, { sequence: 4 });

function rotate(from: Signer, to: Signer, lastSequence = 4, lastBatch = LAST.signed.id): Uint8Array {
  const terms = { lastSequence, lastBatch, at: HEARD_AT, credentialHash: new Uint8Array(32) };
  return signKeyEvent({ type: 'rotation', signedRotation: signRotation(terms, from, to), at: HEARD_AT }, service);
}

type Wish<T> = Omit<Extract<KeyEventWish, { type: T }>, 'at' | 'agent' | 'type'>;
const revoke = (key: Signer, more: Partial<Wish<'revocation'>> = {}) =>
  signKeyEvent(
    { type: 'revocation', agent: thumbprint(key.publicKey), reason: 'lost (HTEST)', at: HEARD_AT, ...more },
    service,
  );
const admit = (key: Signer, batch: Uint8Array) =>
  signKeyEvent({ type: 'admission', agent: thumbprint(key.publicKey), batch, at: HEARD_AT }, service);

function failing(receipt: Receipt): string[] {
  const { steps, verdict } = verifyReceipt(encodeReceipt(receipt), trustIn(PARTIES), nodeVerify);
  const failed = steps.filter(({ result }) => result !== 'holds').map(({ step }) => step);
  expect(verdict).toBe(failed.length === 0 ? 'genuine' : 'altered');
  return failed;
}

describe('a key that was replaced', () => {
  it('counts up to the batch that it named as its last, wherever that is in the log', () => {
    for (const batch of [2, 9]) {
      const places = { batch, events: [5] };
      expect(failing(receiptWithHistory(LAST, [rotate(first, second)], places))).toEqual([]);
      expect(failing(receiptWithHistory(batchOf(first, { sequence: 3 }), [rotate(first, second)], places))).toEqual([]);
    }
  });

  it('signs nothing after it, and no other last batch', () => {
    const places = { batch: 2, events: [5] };
    expect(failing(receiptWithHistory(batchOf(first, { sequence: 5 }), [rotate(first, second)], places))).toEqual([
      'keys',
    ]);
    const other = batchOf(first, { sequence: 4, boot: new Uint8Array(16) });
    expect(failing(receiptWithHistory(other, [rotate(first, second)], places))).toEqual(['keys']);
  });

  it('hands on to the next, and that to the one after', () => {
    const next = batchOf(second, { sequence: 5, previous: LAST.signed.id });
    expect(failing(receiptWithHistory(next, [rotate(first, second)], { batch: 6, events: [5] }))).toEqual([]);
    const afterThat = batchOf(third, { sequence: 6, previous: next.signed.id });
    const chain = [rotate(first, second), rotate(second, third, 5, next.signed.id)];
    expect(failing(receiptWithHistory(afterThat, chain, { batch: 9, events: [5, 8] }))).toEqual([]);
    // The second key's own batch carries what became of it, too.
    expect(failing(receiptWithHistory(next, chain, { batch: 9, events: [5, 8] }))).toEqual([]);
    for (const wrong of [chain.toReversed(), chain.slice(0, 1), chain.slice(1), [...chain, chain[0]!]]) {
      const places = { batch: 9, events: wrong.map((_, i) => 3 + i) };
      expect(failing(receiptWithHistory(afterThat, wrong, places)).length).toBeGreaterThan(0);
    }
  });

  it('does not let its successor sign what was before', () => {
    const early = batchOf(second, { sequence: 4 });
    expect(failing(receiptWithHistory(early, [rotate(first, second)], { batch: 6, events: [5] }))).toEqual(['keys']);
  });
});

describe('a key that was revoked', () => {
  it('counts for what is before the revocation in the log, and for nothing behind it', () => {
    for (let batch = 0; batch < 13; batch++) {
      if (batch === 6) continue;
      const receipt = receiptWithHistory(batchOf(first), [revoke(first)], { batch, events: [6] });
      expect(failing(receipt)).toEqual(batch < 6 ? [] : ['keys']);
    }
  });

  it('lets in one batch behind it that people admitted, and no other', () => {
    const batch = batchOf(first, { sequence: 9 });
    const places = { batch: 9, events: [6, 8] };
    expect(failing(receiptWithHistory(batch, [revoke(first), admit(first, batch.signed.id)], places))).toEqual([]);
    expect(failing(receiptWithHistory(batch, [revoke(first), admit(first, LAST.signed.id)], places))).toEqual(['keys']);
  });

  it('is not hidden by an event of another key, or proven by another log', () => {
    const batch = batchOf(first);
    expect(failing(receiptWithHistory(batch, [revoke(second)], { batch: 2, events: [6] }))).toEqual(['keys']);
    const [here, there] = [4, 8].map((place) =>
      receiptWithHistory(batch, [revoke(first)], { batch: 6, events: [place] }),
    );
    const mixed = { ...here!, keyHistory: there!.keyHistory! };
    expect(failing(mixed)).toEqual(['keys']);
  });

  it('by another service says nothing, and so proves nothing', () => {
    const stranger = signKeyEvent(
      { type: 'admission', agent: thumbprint(first.publicKey), batch: LAST.signed.id, at: HEARD_AT },
      signerOf(77),
    );
    const receipt = receiptWithHistory(LAST, [revoke(first), stranger], { batch: 9, events: [6, 8] });
    const { verdict } = verifyReceipt(encodeReceipt(receipt), trustIn(PARTIES), nodeVerify);
    expect(verdict).toBe('not-provable');
  });
});

describe('a key history', () => {
  const receipt = receiptWithHistory(batchOf(first), [revoke(first)], { batch: 2, events: [6] });

  it('is a member that may be absent, and is never empty or endless', () => {
    expect(decodeReceipt(encodeReceipt(receipt))).toEqual(receipt);
    const json = JSON.parse(encodeReceipt(receipt));
    const [entry] = json.keyHistory;
    const refusal = (keyHistory: unknown) => faultOf(() => decodeReceipt(JSON.stringify({ ...json, keyHistory })));
    for (const other of [[], {}, null, 1, [{ ...entry, more: 1 }], [{ event: entry.event }]]) {
      expect(refusal(other)).toBe('malformed');
    }
    expect(refusal(Array(MAX_KEY_EVENTS + 1).fill(entry))).toBe('malformed');
  });

  it('is seen when any octet of it changes', () => {
    const { event, logProof } = receipt.keyHistory![0]!;
    for (let at = 0; at < event.length; at++) {
      const altered = event.slice();
      altered[at]! ^= 1;
      const { verdict } = verifyReceipt(
        encodeReceipt({ ...receipt, keyHistory: [{ event: altered, logProof }] }),
        trustIn(PARTIES),
        nodeVerify,
      );
      expect(verdict).not.toBe('genuine');
    }
  });

  it('does not show what was left out of it, which is said with every verdict', () => {
    expect(NOT_SHOWN.join()).toContain('revoked');
  });
});
