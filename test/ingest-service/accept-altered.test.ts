/**
 * One honest batch, altered in every way there is: each bit of the envelope and of what is sealed in it, each length it
 * may be cut to, each field replaced. Each is refused, with the code of the part that was altered.
 */
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { createContentSealer } from '../../edge-agent/seal.ts';
import { type AcceptContext, accept } from '../../ingest-service/accept.ts';
import { createUnsealer } from '../../ingest-service/unseal.ts';
import { encodeHeader, NO_BATCH, type Segment } from '../../protocol/batch.ts';
import { encodeCbor } from '../../protocol/cbor.ts';
import { assembleSigned, readSigned, signPayload } from '../../protocol/cose.ts';
import { decodeEnvelope, encodeContent, encodeEnvelope } from '../../protocol/envelope.ts';
import type { FaultCode } from '../../protocol/fault.ts';
import { agentIdOf } from '../../protocol/keys.ts';
import { decodeLeaf, encodeLeaf, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { batchesTopic } from '../../protocol/topics.ts';
import { nodeVerify } from '../support/node-verify.ts';
import { buildBatch, OTHER_LEAVES, PARTIES, readingLeaves, signerOf } from '../support/receipt-builder.ts';

const [beat] = readingLeaves({ characteristic: 0x2a37, hex: '06aa' });
const batch = buildBatch([beat!, ...OTHER_LEAVES], PARTIES.agent);
const { header, signed: signedHeader } = batch.signed;
const agent = agentIdOf(PARTIES.agent.publicKey);
const unsealer = await createUnsealer(new Uint8Array(32).fill(7));
const seal = await createContentSealer(unsealer.publicKey);
const content = encodeContent({ signedHeader, segments: batch.segments });
const envelope = await seal(deflateRawSync(content), header.agent);

const context: AcceptContext = {
  unsealer,
  verify: nodeVerify,
  publicKeyOf: (id) => (id === agent ? PARTIES.agent.publicKey : undefined),
  headOf: () => ({ sequence: 0, id: NO_BATCH }),
  acceptedId: () => undefined,
  isLost: () => false,
  hasStray: () => false,
  maySpeakFor: () => true,
  lastOf: () => undefined,
  isFrozen: () => false,
};

/** The code of the refusal, or the outcome. */
async function outcomeOf(bytes: Uint8Array, inside?: Uint8Array): Promise<string> {
  // What was sealed is altered behind the seal: sealing each of thousands again would test the cipher only.
  const opened = inside && { ...unsealer, open: async () => inside };
  const answer = await accept(batchesTopic(agent), bytes, { ...context, ...(opened && { unsealer: opened }) });
  return answer.outcome === 'rejected' ? answer.fault.code : answer.outcome;
}

const insideOf = (plaintext: Uint8Array) => outcomeOf(envelope, plaintext);

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}

/** Which part of the frame an octet is in, by the code that refuses it (docs/format.md §7). */
function frameCode(octet: number): FaultCode {
  if (octet < 4) return 'version';
  if (octet < 12) return 'wrong-key';
  return octet < 44 ? 'wrong-topic' : 'encrypted';
}

it('unaltered is accepted', async () => {
  expect(await outcomeOf(envelope)).toBe('accepted');
  expect(await insideOf(content)).toBe('accepted');
});

describe('the envelope', () => {
  it('with any bit flipped is refused by the part that it is in', { timeout: 120_000 }, async () => {
    for (let bit = 0; bit < envelope.length * 8; bit++) {
      // Also the highest bit of the encapsulated key, which RFC 7748 §5 ignores: the whole key is part of what is derived.
      expect(await outcomeOf(flipped(envelope, bit)), `bit ${bit}`).toBe(frameCode(bit >> 3));
    }
  });

  it('cut to any length is refused', async () => {
    for (let length = 0; length < envelope.length; length++) {
      const code = length < 92 ? 'truncated' : 'encrypted';
      expect(await outcomeOf(envelope.slice(0, length)), `${length} octets`).toBe(code);
    }
  });

  const parts = decodeEnvelope(envelope);
  it.each([
    ['keyId', { keyId: new Uint8Array(8) }, 'wrong-key'],
    ['agent', { agent: new Uint8Array(32) }, 'wrong-topic'],
    ['encapsulated', { encapsulated: unsealer.publicKey }, 'encrypted'],
    ['ciphertext', { ciphertext: new Uint8Array(parts.ciphertext.length) }, 'encrypted'],
  ])('with another %s is refused', async (_, change, code) => {
    expect(await outcomeOf(encodeEnvelope({ ...parts, ...change }))).toBe(code);
  });
});

describe('what is sealed', () => {
  /** Structure, the header and its signature, or the leaves: what an octet may be refused as. */
  const CODES = ['malformed', 'not-canonical', 'too-large', 'version', 'wrong-topic', 'bad-signature', 'wrong-root'];

  it('with any bit flipped is refused', { timeout: 60_000 }, async () => {
    const headerAt = Buffer.from(content).indexOf(signedHeader);
    const { payload, signature } = readSigned(signedHeader);
    const payloadAt = headerAt + Buffer.from(signedHeader).indexOf(payload);
    const signatureAt = headerAt + Buffer.from(signedHeader).indexOf(signature);
    const leaves = batch.segments.flatMap(({ key, bodies }) => [key, ...bodies]);
    const within = (octet: number, at: number, part: Uint8Array) => octet >= at && octet < at + part.length;
    const starts = leaves.map((part) => Buffer.from(content).indexOf(part));
    for (let bit = 0; bit < content.length * 8; bit++) {
      const octet = bit >> 3;
      const code = await insideOf(flipped(content, bit));
      if (within(octet, payloadAt, payload) || within(octet, signatureAt, signature)) {
        expect(code, `bit ${bit}`).toBe('bad-signature');
      } else if (starts.some((at, i) => within(octet, at, leaves[i]!))) {
        expect(code, `bit ${bit}`).toBe('wrong-root');
      } else {
        expect(CODES, `bit ${bit}`).toContain(code);
      }
    }
  });

  it('cut to any length is refused', async () => {
    for (let length = 0; length < content.length; length++) {
      expect(await insideOf(content.slice(0, length)), `${length} octets`).toBe('malformed');
    }
  });
});

describe('a header', () => {
  const { signature } = readSigned(signedHeader);
  const altered = (change: object, signer = PARTIES.agent) => ({
    unsigned: assembleSigned(encodeHeader({ ...header, ...change }), signature),
    signed: signPayload('batch', encodeHeader({ ...header, ...change }), signer),
  });
  const inside = (signed: Uint8Array) => insideOf(encodeContent({ signedHeader: signed, segments: batch.segments }));

  it.each([
    ['agent', { agent: new Uint8Array(32) }, 'wrong-topic'],
    ['boot', { boot: new Uint8Array(16) }, 'accepted'],
    ['sequence', { sequence: 2 }, 'sequence-gap'],
    ['previous', { previous: new Uint8Array(32).fill(1) }, 'forked'],
    ['openedAt', { openedAt: header.openedAt + 1 }, 'accepted'],
    ['closedAt', { closedAt: header.closedAt + 1 }, 'accepted'],
    ['leafCount', { leafCount: header.leafCount + 1 }, 'wrong-root'],
    ['root', { root: new Uint8Array(32) }, 'wrong-root'],
  ])('with another %s is nobody’s, and signed anew it is what the agent says', async (_, change, whenSigned) => {
    const { unsigned, signed } = altered(change);
    expect(await inside(unsigned)).toBe('bad-signature');
    expect(await inside(signed)).toBe(whenSigned);
    expect(await inside(altered(change, signerOf(99)).signed)).toBe('bad-signature');
  });
});

describe('a leaf', () => {
  const put = (segments: readonly Segment[]) => insideOf(encodeContent({ signedHeader, segments }));
  const withLeaf = (at: number, leaf: Leaf) =>
    batch.segments.map((segment, i) => (i === at ? { ...segment, bodies: [encodeLeaf(leaf)] } : segment));

  const CHANGES: { readonly [K in keyof ReadingLeaf]?: ReadingLeaf[K] } = {
    subject: new Uint8Array(32),
    device: new Uint8Array(16),
    vital: 150_456,
    measuredAt: beat!.measuredAt + 1,
    measuredBy: 'device',
    heardAt: beat!.heardAt + 1,
    uptimeMs: 5,
    zoneMin: 0,
    deviceClock: '2026-03-01T09:00:00',
    clockOffsetMs: 7,
    stored: true,
    heardWithinMs: 9,
    link: 'bonded',
    value: { exponent: 0, mantissa: 171 },
    unit: '1/s',
    flags: ['motion'],
    test: false,
    characteristic: 0x2a19,
    carrier: 'bthome',
    raw: new Uint8Array([6, 171]),
    sessionStart: new Uint8Array(9),
    profile: 'beurer-bm85',
    companion: new Uint8Array(3),
    feature: new Uint8Array(2),
    ordinal: 1,
  } as never;

  it.each(Object.entries(CHANGES))('with another %s is not in the signed tree', async (name, value) => {
    const at = batch.segments.findIndex(({ bodies }) => decodeLeaf(bodies[0]!).kind === 'reading');
    const changed = { ...beat!, [name]: value } as ReadingLeaf;
    expect(encodeLeaf(changed)).not.toEqual(encodeLeaf(beat!));
    expect(await put(withLeaf(at, changed))).toBe('wrong-root');
  });

  it('of any kind that is not that of its hash is refused, as is one more, one less, or another order', async () => {
    const { segments } = batch;
    for (const [at, segment] of segments.entries()) {
      expect(await put(segments.toSpliced(at, 1))).toBe('wrong-root');
      expect(await put(segments.toSpliced(at, 0, segment))).toBe('wrong-root');
      expect(await put(segments.toSpliced(at, 1, { ...segment, key: new Uint8Array(32) }))).toBe('wrong-root');
      expect(await put(withLeaf(at, { ...OTHER_LEAVES[0]!, subject: new Uint8Array(32) }))).toBe('wrong-root');
    }
    expect(await put(segments.toReversed())).toBe('wrong-root');
  });
});

it('content that is other CBOR is refused', async () => {
  for (const value of [0, 'a', [], [signedHeader], [signedHeader, []], new Map(), null]) {
    expect(['malformed', 'wrong-root']).toContain(await insideOf(encodeCbor(value)));
  }
});
