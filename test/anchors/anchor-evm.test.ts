/** Anchoring on a real chain, with everything that chains and endpoints do to one who relies on them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Anchor } from '../../ledger-writer/anchor.ts';
import type { Anchoring } from '../../ledger-writer/anchoring.ts';
import { decodeEvidence, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { decodeAnchorStatus } from '../../protocol/anchor-status.ts';
import { decodeHex, encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { bindTiles } from '../../protocol/tlog-tiles.ts';
import { type AnchoredLog, openAnchoredLog } from '../support/anchored-log.ts';
import { ANVIL_KEYS, type Anvil, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { type Caller, callerOf } from '../support/log-anchor.ts';
import { type RpcTap, tapRpc } from '../support/rpc-tap.ts';

/** What is looked at or forged of an answer. */
interface RpcAnswer {
  readonly storageProof?: readonly object[];
  readonly baseFeePerGas?: string;
}

const hex = (bytes: Uint8Array) => `0x${encodeHex(bytes)}`;

describe.skipIf(withoutAnvil())('an EVM anchor', () => {
  let anvil: Anvil;
  let writer: Caller;
  let contract: Uint8Array;
  let tap: RpcTap;
  let own: AnchoredLog;
  let anchor: Anchor;
  let anchoring: Anchoring;

  beforeAll(async () => {
    anvil = await startAnvil();
    writer = callerOf(anvil, ANVIL_KEYS[0]);
  });
  afterAll(() => anvil.stop());

  beforeEach(async () => {
    contract = decodeHex((await writer.deploy()).slice(2));
    tap = await tapRpc(anvil.url);
    own = await openAnchoredLog();
    await own.grow(5);
    await open();
  });
  afterEach(async () => {
    await own.close();
    await tap.close();
  });

  async function open(changes: object = {}): Promise<void> {
    anchor = own.open({ url: tap.url, contract, ...changes });
    anchoring = await own.start(anchor);
    await settle();
  }

  /** Nothing is at work: what was begun by the start is done. */
  const settle = () => anchoring.round();
  const status = () => decodeAnchorStatus(readFileSync(join(own.directory, 'anchors', 'status.json'), 'utf8'))[0]!;

  /** Rounds and blocks until the head is final. */
  async function finalize(size: number): Promise<void> {
    for (let i = 0; i < 8 && anchor.anchored?.size !== size; i++) {
      await anvil.mine();
      await settle();
    }
    expect(own.troubles.at(-1) ?? '').toBe('');
    await expectEvidence(size);
  }

  /** The evidence holds offline, is of the chain, and covers every size up to its own. */
  async function expectEvidence(size: number): Promise<void> {
    expect(status()).toEqual({ name: 'evm-31337', size });
    const text = readFileSync(join(own.directory, 'anchors', 'evm-31337', `${size}.json`), 'utf8');
    const evidence = decodeEvidence(text);
    const { hash, number } = verifyEvmEvidence(evidence);
    const block = (await anvil.rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as { hash: string };
    expect(block.hash).toBe(hex(hash));
    const tiles = await bindTiles(own.log.head.checkpoint, own.readLog);
    expect(equalBytes(evidence.root, await tiles.rootAt(size))).toBe(true);
  }

  it('is final after so many blocks and not before, with evidence that holds offline', async () => {
    expect(status()).toEqual({ name: 'evm-31337', size: 0, pending: 5 });
    await anvil.mine(2); // the first has it, one is on top
    await settle();
    expect(anchor.anchored).toBeUndefined();
    await finalize(5);
    expect(anchor.counters).toEqual({ sent: 1, resent: 0, replaced: 0, contradictions: 0, takenBack: 0 });
    await settle();
    expect(anchor.pending, 'a head that is anchored is not anchored again').toBeUndefined();
  });

  it('covers with one late anchor all that came before', async () => {
    tap.meddle = 'down';
    await own.close();
    own = await openAnchoredLog();
    for (const size of [1, 2, 3, 700]) {
      await own.grow(size);
      await open();
      await anchoring.stop();
    }
    expect(own.troubles).toContain('unavailable');
    tap.meddle = undefined;
    await open();
    await finalize(700);
    expect(anchor.counters.sent).toBe(1);
    expect(await writer.read(hex(contract) as never, 'size')).toBe(700n);
    await own.grow(701);
    await settle();
    await finalize(701);
  });

  it('survives a reorganization that takes the transaction away', async () => {
    await anvil.mine(2);
    await settle();
    await anvil.rpc('anvil_reorg', 2, []);
    await settle();
    await finalize(5);
  });

  it('survives a reorganization that forgets the transaction: the same one is sent again', async () => {
    const [, raw] = await rawOf();
    await anvil.mine(1);
    await anvil.rpc('anvil_reorg', 1, []);
    await anvil.rpc('anvil_dropAllTransactions');
    await settle();
    await finalize(5);
    expect(anchor.counters.resent).toBe(1);
    expect(await rawSentAgain()).toBe(raw);
  });

  it('pays more for a transaction that is stuck, and no more than it may', async () => {
    const { baseFeePerGas: base } = (await anvil.rpc('eth_getBlockByNumber', 'latest', false)) as RpcAnswer;
    await anvil.rpc('anvil_setNextBlockBaseFeePerGas', '0x174876e800'); // 100 gwei: the transaction offers less
    await anvil.mine();
    await settle();
    expect(anchor.counters.replaced).toBe(0);
    own.now += 60_000;
    await settle();
    expect(anchor.counters.replaced).toBe(1);
    await finalize(5);
    await anvil.rpc('anvil_setNextBlockBaseFeePerGas', base);
    await anvil.mine();
  });

  it('waits, and says so, when the chain asks for more than it may pay', async () => {
    await anchoring.stop();
    await own.grow(6);
    await open({ maxFee: 1n, statePath: join(own.directory, '..', 'keys', 'other.sqlite') });
    expect(own.troubles.at(-1)).toBe('unavailable');
    expect(anchor.pending).toBeUndefined();
  });

  it('fills its own nonce when another transaction of the key took it, or one before it vanished', async () => {
    await anvil.rpc('anvil_dropAllTransactions');
    await writer.call(hex(contract) as never, 'offerWriter', writer.address); // takes the nonce
    await settle();
    own.now += 60_000;
    await settle();
    expect(anchor.counters.replaced).toBe(1);
    await finalize(5);
    // A gap: the chain has fewer transactions of the key than when ours was signed.
    await anvil.rpc('anvil_setNonce', writer.address, '0x50');
    await own.grow(6);
    await settle();
    await anvil.rpc('anvil_dropAllTransactions');
    await anvil.rpc('anvil_setNonce', writer.address, '0x4f');
    await settle();
    own.now += 60_000;
    await settle();
    await finalize(6);
  });

  it('sends nothing to an endpoint of another chain, and says so', async () => {
    await finalize(5);
    tap.meddle = (method) => (method === 'eth_chainId' ? '0x1' : undefined);
    tap.asked.length = 0;
    await own.grow(6);
    await settle();
    expect(new Set(tap.asked)).toEqual(new Set(['eth_chainId']));
    expect(status()).toEqual({ name: 'evm-31337', size: 5, trouble: 'wrong-key' });
    tap.meddle = undefined;
    await settle();
    await finalize(6);
  });

  it('sends nothing to an address where the contract is not', async () => {
    await anchoring.stop();
    contract = new Uint8Array(20).fill(7);
    await open({ statePath: join(own.directory, '..', 'keys', 'other.sqlite') });
    expect(own.troubles.at(-1)).toBe('wrong-key');
    expect(anchor.counters.sent).toBe(0);
  });

  it('refuses to follow a chain that holds another history, or a larger tree', async () => {
    await finalize(5);
    await anchoring.stop();
    const other = await openAnchoredLog();
    await other.log.append([new Uint8Array(32).fill(1)]);
    await other.grow(6);
    const forked = other.open({ url: tap.url, contract });
    const forking = await other.start(forked);
    await forking.round();
    expect([other.troubles.at(-1), forked.counters.sent]).toEqual(['inconsistent', 0]);
    await other.close();
    const shorter = await openAnchoredLog();
    await shorter.grow(4);
    const rolled = shorter.open({ url: tap.url, contract });
    await (await shorter.start(rolled)).round();
    expect([shorter.troubles.at(-1), rolled.counters.sent]).toEqual(['inconsistent', 0]);
    await shorter.close();
  });

  it('finds its head on the chain when its own state was lost', async () => {
    await finalize(5);
    await anchoring.stop();
    await open({ statePath: join(own.directory, '..', 'keys', 'fresh.sqlite') });
    await finalize(5);
    expect(anchor.counters.sent).toBe(0);
  });

  it('takes up after a stop what was under way, and sends the same transaction', async () => {
    const [hash] = await rawOf();
    await anchoring.stop();
    await anvil.rpc('anvil_dropAllTransactions');
    await open();
    await finalize(5);
    expect(anchor.counters).toMatchObject({ sent: 0, resent: 1 });
    expect(await anvil.rpc('eth_getTransactionReceipt', hash)).toMatchObject({ status: '0x1' });
  });

  describe('with an endpoint', () => {
    it.each(['down', 'slow'] as const)('that is %s waits, says so, and goes on', async (how) => {
      await anchoring.stop();
      await open({ timeoutMs: 2000 });
      tap.meddle = how;
      await settle();
      expect(own.troubles.at(-1)).toBe('unavailable');
      await own.grow(6); // the log does not wait
      tap.meddle = undefined;
      await settle();
      await finalize(5);
    });

    it('that swallows the transaction and invents a receipt believes no word of it', async () => {
      await anvil.rpc('anvil_dropAllTransactions');
      await anvil.mine(3);
      const block = (await anvil.rpc('eth_getBlockByNumber', 'latest', false)) as { hash: string; number: string };
      tap.meddle = (method, [hash]) =>
        method === 'eth_getTransactionReceipt'
          ? { transactionHash: hash, blockHash: block.hash, blockNumber: block.number, status: '0x1' }
          : undefined;
      await settle();
      await settle();
      expect(own.troubles.at(-1)).toBe('inconsistent');
      // Now the block, too, claims to have it.
      const receipts = tap.meddle;
      tap.meddle = async (method, params, ask) => {
        if (method !== 'eth_getBlockByHash') return (receipts as never as typeof askedFor)(method, params, ask);
        const real = (await ask()) as object;
        return { ...real, transactions: [await newestHash()], stateRoot: `0x${'11'.repeat(32)}` };
      };
      await settle();
      expect(own.troubles.at(-1)).toBe('inconsistent');
      expect([anchor.anchored, anchor.counters.contradictions > 0]).toEqual([undefined, true]);
      tap.meddle = undefined;
      await settle();
      await finalize(5);
    });

    it.each<[string, (method: string, real: RpcAnswer) => unknown]>([
      ['storage', (m, real) => m === 'eth_getProof' && proofWith(real, { value: hex(own.log.head.checkpoint.root) })],
      ['a state root', (m, real) => m === 'eth_getBlockByNumber' && { ...real, stateRoot: `0x${'22'.repeat(32)}` }],
      ['a block hash', (m, real) => m === 'eth_getBlockByNumber' && { ...real, hash: `0x${'33'.repeat(32)}` }],
      ['half a header', (m, real) => m === 'eth_getBlockByNumber' && { ...real, parentHash: undefined }],
      ['nonsense', (m) => m === 'eth_getProof' && { storageProof: 7 }],
      ['no number', (m) => m === 'eth_blockNumber' && { much: true }],
    ])('that forges %s is caught', async (_, forge) => {
      await anvil.rpc('anvil_dropAllTransactions'); // it never was on the chain
      await anvil.mine(3);
      tap.meddle = async (method, _params, ask) => {
        if (method === 'eth_sendRawTransaction') return `0x${'44'.repeat(32)}`;
        const real = (await ask()) as RpcAnswer;
        // Whatever else is forged, the contract seems to hold something, or there would be nothing to check.
        return forge(method, real) || (method === 'eth_getProof' ? proofWith(real, { value: '0x1' }) : undefined);
      };
      await settle();
      expect(own.troubles.at(-1)).toBe('inconsistent');
      expect(anchor.counters.contradictions).toBeGreaterThan(0);
      expect(anchor.anchored).toBeUndefined();
    });

    it('that shows a chain of its own is caught by a second one', async () => {
      await anchoring.stop();
      const island = await startAnvil();
      const there = decodeHex((await callerOf(island, ANVIL_KEYS[0]).deploy()).slice(2));
      const config = { statePath: join(own.directory, '..', 'keys', 'island.sqlite'), contract: there };
      await open({ ...config, url: island.url, checkUrl: anvil.url });
      await island.mine(4);
      await settle();
      expect(own.troubles.at(-1)).toBe('inconsistent');
      expect(anchor.anchored).toBeUndefined();
      await anchoring.stop();
      await island.stop();
    });
  });

  const proofWith = (real: RpcAnswer, changes: object) => ({
    ...real,
    storageProof: [{ ...real.storageProof![0]!, ...changes }],
  });
  const askedFor = (_method: string, _params: readonly unknown[], _ask: () => Promise<unknown>): unknown => undefined;

  /** Hash and octets of the transaction that waits in the pool. */
  async function rawOf(): Promise<[string, string]> {
    const hash = await newestHash();
    return [hash, (await anvil.rpc('eth_getRawTransactionByHash', hash)) as string];
  }
  async function newestHash(): Promise<string> {
    const { pending } = (await anvil.rpc('txpool_content')) as {
      pending: Record<string, Record<string, { hash: string }>>;
    };
    return Object.values(Object.values(pending)[0] ?? {})[0]?.hash ?? `0x${'55'.repeat(32)}`;
  }
  async function rawSentAgain(): Promise<string> {
    const { transaction } = decodeEvidence(anchor.anchored!.evidence);
    return (await anvil.rpc('eth_getRawTransactionByHash', hex(transaction!))) as string;
  }
});
