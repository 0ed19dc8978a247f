import { describe, expect, it } from 'vitest';
import { NO_BATCH } from '../../protocol/batch.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import { type CborValue, decodeCbor, encodeCbor } from '../../protocol/cbor.ts';
import { readSigned, signPayload } from '../../protocol/cose.ts';
import {
  MAX_REASON,
  type NewestBatch,
  openKeyEvent,
  openRotation,
  type Rotation,
  readKeyEvent,
  signKeyEvent,
  signRotation,
} from '../../protocol/key-event.ts';
import { thumbprint } from '../../protocol/keys.ts';
import { BAD_KEYS, forgedRotation } from '../support/bad-keys.ts';
import { faultOf } from '../support/fault-of.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { HEARD_AT, PARTIES, signerOf } from '../support/receipt-builder.ts';

const { agent, service } = PARTIES;
const next = signerOf(51);
const LAST = new Uint8Array(32).fill(5);
const terms = { lastSequence: 7, lastBatch: LAST, at: HEARD_AT, credentialHash: new Uint8Array(32).fill(6) };
const rotation = signRotation(terms, agent, next);
const event = signKeyEvent({ type: 'rotation', signedRotation: rotation, at: HEARD_AT }, service);
const revocation = signKeyEvent(
  { type: 'revocation', agent: thumbprint(agent.publicKey), reason: 'stolen from the car (HTEST)', at: HEARD_AT },
  service,
);

describe('rotation', () => {
  it('names both keys and the last batch, under both signatures', () => {
    const expected: Rotation = { ...terms, oldKey: agent.publicKey, newKey: next.publicKey };
    expect(openRotation(rotation, nodeVerify)).toEqual(expected);
    const first = { ...terms, lastSequence: 0, lastBatch: NO_BATCH };
    expect(openRotation(signRotation(first, agent, next), nodeVerify).lastSequence).toBe(0);
  });

  it('does not open with any octet changed', () => {
    for (let at = 0; at < rotation.length; at++) {
      const altered = rotation.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => openRotation(altered, nodeVerify))).toMatch(
        /^(malformed|not-canonical|bad-signature|wrong-key)$/,
      );
    }
  });

  it.each(Object.entries(BAD_KEYS))('refuses a key: %s', (_, hex) => {
    expect(faultOf(() => openRotation(forgedRotation(agent.publicKey, decodeHex(hex)), () => true))).toBe('wrong-key');
    expect(faultOf(() => openRotation(forgedRotation(decodeHex(hex), next.publicKey), () => true))).toBe('wrong-key');
  });

  it('is the word of the old key, and proves the new one', () => {
    expect(faultOf(() => openRotation(forgedRotation(agent.publicKey, next.publicKey, next), nodeVerify))).toBe(
      'bad-signature',
    );
    expect(faultOf(() => openRotation(forgedRotation(agent.publicKey, next.publicKey), nodeVerify))).toBe(
      'bad-signature',
    );
    expect(faultOf(() => openRotation(forgedRotation(agent.publicKey, agent.publicKey), nodeVerify))).toBe('wrong-key');
  });

  it('has a last batch if and only if there was one', () => {
    const refusalOf = (more: object) =>
      faultOf(() => openRotation(signRotation({ ...terms, ...more }, agent, next), nodeVerify));
    expect(refusalOf({ lastSequence: 0 })).toBe('malformed');
    expect(refusalOf({ lastBatch: NO_BATCH })).toBe('malformed');
  });
});

describe('key event', () => {
  it('says of which key it is and what became of it', () => {
    expect(openKeyEvent(event, service.publicKey, nodeVerify)).toMatchObject({
      type: 'rotation',
      agent: thumbprint(agent.publicKey),
      service: thumbprint(service.publicKey),
      rotation: { newKey: next.publicKey },
    });
    expect(openKeyEvent(revocation, service.publicKey, nodeVerify)).toMatchObject({
      type: 'revocation',
      reason: 'stolen from the car (HTEST)',
    });
    const wish = { type: 'admission', agent: thumbprint(agent.publicKey), batch: LAST, at: HEARD_AT } as const;
    expect(readKeyEvent(signKeyEvent(wish, service))).toMatchObject({ type: 'admission', batch: LAST });
    expect(readKeyEvent(event).id).not.toEqual(readKeyEvent(revocation).id);
  });

  it.each([
    ['rotation', event],
    ['revocation', revocation],
  ])('%s does not open with any octet changed, or under another key', (_, signed) => {
    expect(faultOf(() => openKeyEvent(signed, signerOf(8).publicKey, nodeVerify))).toBe('bad-signature');
    for (let at = 0; at < signed.length; at++) {
      const altered = signed.slice();
      altered[at]! ^= 1;
      expect(faultOf(() => openKeyEvent(altered, service.publicKey, nodeVerify))).toMatch(
        /^(malformed|not-canonical|bad-signature|wrong-key)$/,
      );
    }
  });

  it('does not vouch for a rotation that neither key made', () => {
    const hollow = signKeyEvent(
      { type: 'rotation', signedRotation: forgedRotation(agent.publicKey, next.publicKey), at: HEARD_AT },
      service,
    );
    expect(faultOf(() => openKeyEvent(hollow, service.publicKey, nodeVerify))).toBe('bad-signature');
  });

  it('cannot be about another key than its rotation', () => {
    const { payload } = readSigned(event);
    const altered = payload.slice();
    const at = Buffer.from(payload).indexOf(Buffer.from(thumbprint(agent.publicKey)));
    altered[at]! ^= 1;
    expect(faultOf(() => readKeyEvent(signPayload('key-event', altered, service)))).toBe('malformed');
  });

  it.each(['', 'two\nlines', 'x'.repeat(MAX_REASON + 1), 'bell \u0007'])(
    'takes one line of reason, not %j',
    (reason) => {
      const wish = { type: 'revocation', agent: thumbprint(agent.publicKey), reason, at: HEARD_AT } as const;
      expect(faultOf(() => signKeyEvent(wish, service))).toBe('malformed');
    },
  );

  it('names the newest batch that the record had, or that there was none; earlier versions say nothing', () => {
    const head = {
      type: 'revocation',
      agent: thumbprint(agent.publicKey),
      reason: 'lost (HTEST)',
      at: HEARD_AT,
    } as const;
    const reread = (newest: NewestBatch) => {
      const read = readKeyEvent(signKeyEvent({ ...head, newest }, service));
      return read.type === 'revocation' ? read.newest : undefined;
    };
    expect(reread({ sequence: 7, id: LAST })).toEqual({ sequence: 7, id: LAST });
    expect(reread({ sequence: 0, id: NO_BATCH })).toEqual({ sequence: 0, id: NO_BATCH });
    expect(openKeyEvent(revocation, service.publicKey, nodeVerify)).not.toHaveProperty('newest');
    expect(faultOf(() => reread({ sequence: 7, id: NO_BATCH }))).toBe('malformed');
    expect(faultOf(() => reread({ sequence: 0, id: LAST }))).toBe('malformed');
    expect(faultOf(() => reread({ sequence: 7, id: LAST.slice(1) }))).toBe('malformed');
  });

  it('does not open with half the name of a batch, or with one in an event of another type', () => {
    const { payload } = readSigned(
      signKeyEvent({ type: 'admission', agent: LAST, batch: LAST, at: HEARD_AT }, service),
    );
    const refusal = (base: Uint8Array, ...more: readonly [number, CborValue][]) => {
      const fields = new Map(decodeCbor(base) as Map<number, CborValue>);
      for (const [key, value] of more) fields.set(key, value);
      return faultOf(() => readKeyEvent(signPayload('key-event', encodeCbor(fields), service)));
    };
    const old = readSigned(revocation).payload;
    expect(refusal(old, [7, 7], [8, LAST])).toBe('none');
    expect(refusal(old, [7, 7])).toBe('malformed');
    expect(refusal(old, [8, LAST])).toBe('malformed');
    expect(refusal(payload, [7, 7], [8, LAST])).toBe('malformed');
  });
});
