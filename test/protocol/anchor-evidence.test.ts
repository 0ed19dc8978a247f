import { readFileSync } from 'node:fs';
import { keccak_256 } from '@noble/hashes/sha3.js';
import fc from 'fast-check';
import { toRlp } from 'viem';
import { describe, expect, it } from 'vitest';
import { headerOf, type RpcBlock } from '../../ledger-writer/evm/block-header.ts';
import {
  decodeEvidence,
  type EvmEvidence,
  encodeEvidence,
  evidenceFromJson,
  verifyEvmEvidence,
} from '../../protocol/anchor-evidence.ts';
import { decodeAnchorStatus, encodeAnchorStatus } from '../../protocol/anchor-status.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { commitmentOf } from '../../protocol/commitment.ts';
import { isFault } from '../../protocol/fault.ts';
import { inclusionProof } from '../../protocol/merkle.ts';
import { provenValue } from '../../protocol/patricia.ts';
import { decodeReceipt, encodeReceipt, type ReceiptAnchor } from '../../protocol/receipt.ts';
import { decodeRlp, encodeRlp, type Rlp } from '../../protocol/rlp.ts';
import { decodeTrust, encodeTrust } from '../../protocol/trust.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { faultOf } from '../support/fault-of.ts';
import {
  buildBatch,
  LOG_INDEX,
  LOG_SIZE,
  logHashes,
  OTHER_LEAVES,
  PARTIES,
  readingLeaves,
  receiptOf,
  trustIn,
} from '../support/receipt-builder.ts';

// From a real chain; see test/vectors/make-anchor-vectors.ts.
const vectors = JSON.parse(readFileSync(new URL('../vectors/anchor-evm.json', import.meta.url), 'utf8'));
const EVIDENCE = (vectors.evidence as object[]).map(evidenceFromJson);
const BLOCKS = (vectors.blocks as string[]).map((hash) => decodeHex(hash.slice(2)));
const LAST = EVIDENCE[LOG_SIZE - 1]!;

const heart = readingLeaves({ characteristic: 0x2a37, hex: '06aa' })[0]!;
const batch = buildBatch([heart, ...OTHER_LEAVES], PARTIES.agent);
const receipt = receiptOf(batch, batch.leaves.indexOf(heart));
const hashes = logHashes(commitmentOf('batch', batch.signed.id));
const anchorAt = (size: number, changes: Partial<EvmEvidence> = {}): ReceiptAnchor => ({
  evidence: { ...EVIDENCE[size - 1]!, ...changes },
  path: inclusionProof(hashes.slice(0, size), LOG_INDEX),
});

describe('evidence from a chain', () => {
  it('holds at every size, in the block that it names', () => {
    for (const [i, evidence] of EVIDENCE.entries()) {
      const block = verifyEvmEvidence(evidence);
      expect(block.hash).toEqual(BLOCKS[i]);
      expect(block.number).toBe(2 + i); // the first deploys
      expect(block.at).toBeGreaterThan(Date.UTC(2026, 0));
      expect(decodeEvidence(encodeEvidence(evidence))).toEqual(evidence);
    }
  });

  it.each<[string, Partial<EvmEvidence>]>([
    ['another root', { root: EVIDENCE[1]!.root }],
    ['another size', { size: LOG_SIZE - 1 }],
    ['another contract', { contract: new Uint8Array(20).fill(1) }],
    ['the header of another block', { header: EVIDENCE[1]!.header }],
    ['the storage of another block', { storageProof: EVIDENCE[1]!.storageProof }],
    ['no account', { accountProof: [] }],
    ['a node missing', { storageProof: LAST.storageProof.slice(0, -1) }],
    ['a node more', { storageProof: [...LAST.storageProof, LAST.storageProof[0]!] }],
  ])('fails with %s', (_, changes) => {
    expect(faultOf(() => verifyEvmEvidence({ ...LAST, ...changes }))).toBe('inconsistent');
  });

  it('fails with any octet changed, and never otherwise than by a Fault', () => {
    const parts = [LAST.header, ...LAST.accountProof, ...LAST.storageProof];
    const where = fc
      .nat(parts.length - 1)
      .chain((part) => fc.tuple(fc.constant(part), fc.nat(parts[part]!.length - 1)));
    fc.assert(
      fc.property(where, fc.integer({ min: 1, max: 255 }), ([part, at], flip) => {
        const changed = parts.map((bytes, i) => (i === part ? bytes.map((b, j) => (j === at ? b ^ flip : b)) : bytes));
        const [header, ...nodes] = changed as [Uint8Array, ...Uint8Array[]];
        const accountProof = nodes.slice(0, LAST.accountProof.length);
        const forged = { ...LAST, header, accountProof, storageProof: nodes.slice(LAST.accountProof.length) };
        let block: string;
        try {
          block = encodeHex(verifyEvmEvidence(forged).hash);
        } catch (error) {
          if (!isFault(error)) throw error;
          return;
        }
        // Only a header may change unseen here: then it is another block, which is not of the chain.
        expect([part, block === encodeHex(BLOCKS[LOG_SIZE - 1]!)]).toEqual([0, false]);
      }),
      { numRuns: 400 },
    );
  });

  it('is refused when it is of another format, or has members that are not known', () => {
    const json = JSON.parse(encodeEvidence(LAST));
    expect(faultOf(() => evidenceFromJson({ ...json, format: 'veravita/anchor-evm@v2' }))).toBe('version');
    for (const change of [{ more: 1 }, { chainId: -1 }, { contract: '0x00' }, { root: 'AAAA' }, { accountProof: 1 }]) {
      expect(faultOf(() => evidenceFromJson({ ...json, ...change }))).toBe('malformed');
    }
  });
});

describe('RLP', () => {
  const octets = fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ minLength: 50, maxLength: 300 }));
  const { item } = fc.letrec<{ item: Rlp }>((tie) => ({
    item: fc.oneof({ maxDepth: 4 }, octets, fc.array(tie('item'), { maxLength: 5 })),
  }));

  it('is what another library makes, and comes back', () => {
    fc.assert(
      fc.property(item, (value) => {
        const bytes = encodeRlp(value);
        expect(bytes).toEqual(toRlp(value as Uint8Array, 'bytes'));
        expect(decodeRlp(bytes)).toEqual(value);
      }),
    );
  });

  it('has one form, and hostile octets are refused', () => {
    for (const [text, code] of [
      ['', 'truncated'],
      ['83aabb', 'truncated'],
      ['b8', 'truncated'],
      ['c3aa', 'truncated'],
      ['c28301', 'truncated'],
      ['0000', 'trailing'],
      ['8101', 'not-canonical'],
      ['b801aa', 'not-canonical'],
      ['b90001aa', 'not-canonical'],
      ['bfffffffffffffffff', 'truncated'],
      ['c1'.repeat(40), 'truncated'],
    ] as const) {
      expect([text, faultOf(() => decodeRlp(decodeHex(text)))]).toEqual([text, code]);
    }
    let deep: Rlp = new Uint8Array(0);
    for (let i = 0; i < 20; i++) deep = [deep];
    expect(faultOf(() => decodeRlp(encodeRlp(deep)))).toBe('too-large');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const code = faultOf(() => expect(encodeRlp(decodeRlp(bytes))).toEqual(bytes));
        expect(['none', 'truncated', 'trailing', 'not-canonical', 'too-large']).toContain(code);
      }),
    );
  });

  it('carries a trie in which a short node stands inside another', () => {
    const key = Uint8Array.of(7);
    const path = keccak_256(key);
    // An extension over all but the last nibble, then a branch, then a leaf without a path, too short to be hashed.
    const leaf: Rlp = [Uint8Array.of(0x20), Uint8Array.of(5)];
    const branch: Rlp[] = Array.from({ length: 17 }, () => new Uint8Array(0));
    branch[path[31]! & 15] = leaf;
    const prefix = encodeHex(path).slice(0, 63);
    const top = encodeRlp([decodeHex(`1${prefix}`), branch]);
    expect(provenValue(keccak_256(top), key, [top])).toEqual(Uint8Array.of(5));
    expect(faultOf(() => provenValue(keccak_256(top), Uint8Array.of(8), [top]))).toBe('inconsistent');
  });
});

describe('a header', () => {
  // A block of a consortium: its extra data holds the validators, their vote, the round and their seals.
  const extra: Rlp = [
    new Uint8Array(32),
    [new Uint8Array(20).fill(1)],
    [],
    Uint8Array.of(2),
    [new Uint8Array(65).fill(9)],
  ];
  const fields = {
    parentHash: `0x${'11'.repeat(32)}`,
    sha3Uncles: `0x${'22'.repeat(32)}`,
    miner: `0x${'33'.repeat(20)}`,
    stateRoot: `0x${'44'.repeat(32)}`,
    transactionsRoot: `0x${'55'.repeat(32)}`,
    receiptsRoot: `0x${'66'.repeat(32)}`,
    logsBloom: `0x${'00'.repeat(256)}`,
    difficulty: '0x1',
    number: '0x7b',
    gasLimit: '0x1c9c380',
    gasUsed: '0x0',
    timestamp: '0x6544',
    extraData: `0x${encodeHex(encodeRlp(extra))}`,
    mixHash: `0x${'63'.repeat(32)}`,
    nonce: '0x0000000000000000',
    transactions: [],
  };
  const encoded = (data: Rlp) =>
    encodeRlp([
      ...Object.entries(fields).flatMap(([name, value]) => {
        if (name === 'transactions') return [];
        if (name === 'extraData') return [encodeRlp(data)];
        const digits = (value as string).slice(2);
        const number = ['difficulty', 'number', 'gasLimit', 'gasUsed', 'timestamp'].includes(name);
        const shortest = number ? digits.replace(/^0+/, '') : digits;
        return [decodeHex(shortest.length % 2 === 0 ? shortest : `0${shortest}`)];
      }),
    ]);

  it.each<[string, Rlp]>([
    ['Ethereum', extra],
    ['QBFT', [...extra.slice(0, 3), new Uint8Array(0), []]],
    ['IBFT 2', extra.slice(0, 3)],
    ['IBFT 2 with its round', extra.slice(0, 4)],
  ])('is found as %s hashes it', (_, data) => {
    const header = encoded(data);
    const hash = `0x${encodeHex(keccak_256(header))}`;
    expect(headerOf({ ...fields, hash } as RpcBlock)).toEqual(header);
    expect(faultOf(() => headerOf({ ...fields, hash, gasUsed: '0x1' } as RpcBlock))).toBe('inconsistent');
  });
});

describe('the status of the anchors', () => {
  it('comes back, and nothing else is read', () => {
    const anchors = [
      { name: 'evm-1', size: 5 },
      { name: 'evm-2', size: 0, pending: 9, trouble: 'unavailable' },
      { name: 'evm-3', size: 5, doubtful: true, pending: 9 },
    ] as const;
    expect(decodeAnchorStatus(encodeAnchorStatus(anchors))).toEqual(anchors);
    expect(faultOf(() => decodeAnchorStatus('{"format":"veravita/anchors@v2","anchors":[]}'))).toBe('version');
    const doubted = '[{"name":"x","size":1,"doubtful":false}]';
    for (const wrong of ['7', '[{}]', '[{"name":"../x","size":1}]', '[{"name":"x","size":-1}]', doubted]) {
      expect(faultOf(() => decodeAnchorStatus(`{"format":"veravita/anchors@v1","anchors":${wrong}}`))).toBe(
        'malformed',
      );
    }
  });
});

describe('an anchored receipt', () => {
  const chain = { chainId: 31337, contract: LAST.contract };
  const trust = (...chains: { chainId?: number; contract?: Uint8Array; blocks?: Uint8Array[] }[]) =>
    decodeTrust(encodeTrust({ ...trustIn(PARTIES), chains: chains.map((one) => ({ ...chain, blocks: [], ...one })) }));
  const check = (anchors: ReceiptAnchor[], trusted = trust({ blocks: BLOCKS })) => {
    const text = encodeReceipt({ ...receipt, anchors });
    expect(decodeReceipt(text).anchors).toEqual(anchors);
    const { verdict, steps, anchors: count } = verifyReceipt(text, trusted);
    return { verdict, ...steps.at(-1)!, confirmed: count?.confirmed, of: count?.of };
  };

  it('is confirmed by a chain whose block the reader knows, at any size that covers it', () => {
    for (let size = LOG_INDEX + 1; size <= LOG_SIZE; size++) {
      expect(check([anchorAt(size)])).toMatchObject({ verdict: 'genuine', step: 'anchors', confirmed: 1, of: 1 });
    }
    expect(check([anchorAt(LOG_SIZE)]).says).toContain('1 of 1 anchors confirm it');
    expect(check([anchorAt(LOG_SIZE), anchorAt(8)]), 'a chain counts once').toMatchObject({ confirmed: 1, of: 1 });
  });

  it('says k of n: what is not known does not count, and takes nothing from the verdict', () => {
    const open = { verdict: 'genuine', result: 'holds' };
    const other = { chainId: 5, blocks: BLOCKS };
    expect(check([anchorAt(9)], trust({ blocks: BLOCKS }, other))).toMatchObject({ ...open, confirmed: 1, of: 2 });
    expect(check([anchorAt(9)], trust({}))).toMatchObject({ ...open, confirmed: 0, of: 1 });
    expect(check([anchorAt(9)], trust({ contract: new Uint8Array(20), blocks: BLOCKS }))).toMatchObject({
      confirmed: 0,
    });
    expect(check([anchorAt(9)], trust({ blocks: [BLOCKS[0]!] })).says).toContain('One more is sound');
    expect(check([], trust({}))).toMatchObject({
      ...open,
      confirmed: 0,
      of: 1,
      says: expect.stringContaining('no anchor'),
    });
    expect(check([anchorAt(9)], trustIn(PARTIES))).toMatchObject({ ...open, confirmed: 0, of: undefined });
  });

  it.each<[string, ReceiptAnchor]>([
    ['of an earlier size', { ...anchorAt(9), evidence: EVIDENCE[LOG_INDEX - 1]! }],
    ['with the path to another size', { ...anchorAt(9), path: anchorAt(LOG_SIZE).path }],
    ['with another root', anchorAt(9, { root: LAST.root })],
    ['with another block', anchorAt(9, { header: LAST.header })],
    ['with a header that is none', anchorAt(9, { header: new Uint8Array(3) })],
  ])('is altered with an anchor %s', (_, anchor) => {
    expect(check([anchor])).toMatchObject({ verdict: 'altered', step: 'anchors', result: 'fails' });
  });

  it('is refused with more anchors than are read', () => {
    const many = JSON.parse(encodeReceipt({ ...receipt, anchors: [anchorAt(9)] }));
    many.anchors = new Array(17).fill(many.anchors[0]);
    expect(faultOf(() => decodeReceipt(JSON.stringify(many)))).toBe('malformed');
  });
});
