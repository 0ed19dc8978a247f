/** Evidence that was final, and an endpoint that says it is gone: whom that is believed of, and what becomes of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Anchor } from '../../ledger-writer/anchor.ts';
import type { Anchoring } from '../../ledger-writer/anchoring.ts';
import type { EvmAnchorConfig } from '../../ledger-writer/evm/evm-anchor.ts';
import { decodeEvidence, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { decodeAnchorStatus } from '../../protocol/anchor-status.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { type AnchoredLog, openAnchoredLog } from '../support/anchored-log.ts';
import { ANVIL_KEYS, type Anvil, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { type Caller, callerOf } from '../support/log-anchor.ts';
import { type Meddle, type RpcTap, tapRpc } from '../support/rpc-tap.ts';

const HOUR = 3_600_000;
const NOTHING = `0x${'00'.repeat(32)}`;

describe.skipIf(withoutAnvil())('evidence that was final', () => {
  let anvil: Anvil;
  let island: Anvil;
  let writer: Caller;
  let contract: Uint8Array;
  let tap: RpcTap;
  let own: AnchoredLog;
  let anchor: Anchor;
  let anchoring: Anchoring;
  let before: string;

  beforeAll(async () => {
    [anvil, island] = await Promise.all([startAnvil(), startAnvil()]);
    writer = callerOf(anvil, ANVIL_KEYS[0]);
    await island.mine(200); // as high as the other chain will be, and of other hashes
  });
  afterAll(() => Promise.all([anvil.stop(), island.stop()]));

  beforeEach(async () => {
    contract = decodeHex((await writer.deploy()).slice(2));
    tap = await tapRpc(anvil.url);
    own = await openAnchoredLog();
    await own.grow(5);
    await open();
    await finalize(5);
    before = evidence(5);
    await own.grow(9);
  });
  afterEach(async () => {
    await own.close();
    await tap.close();
  });

  async function open(changes: Partial<EvmAnchorConfig> = {}): Promise<void> {
    await anchoring?.stop();
    anchor = own.open({ url: tap.url, contract, ...changes });
    anchoring = await own.start(anchor);
    await anchoring.round();
  }

  async function finalize(size: number): Promise<void> {
    for (let i = 0; i < 8 && (anchor.anchored?.size !== size || anchor.anchored.isDoubtful); i++) {
      await anvil.mine();
      await anchoring.round();
    }
    expect(status()).toEqual({ name: 'evm-31337', size });
    const { hash, number } = verifyEvmEvidence(decodeEvidence(evidence(size)));
    const block = (await anvil.rpc('eth_getBlockByNumber', `0x${number.toString(16)}`, false)) as { hash: string };
    expect(block.hash).toBe(`0x${encodeHex(hash)}`);
  }

  const pathOf = (size: number) => join(own.directory, 'anchors', 'evm-31337', `${size}.json`);
  const evidence = (size: number) => readFileSync(pathOf(size), 'utf8');
  const status = () => decodeAnchorStatus(readFileSync(join(own.directory, 'anchors', 'status.json'), 'utf8'))[0]!;
  const trouble = { name: 'evm-31337', size: 5, trouble: 'inconsistent' };

  /** Rounds over so long, by the anchor's clock. */
  async function wait(ms: number, rounds: number): Promise<void> {
    for (let i = 0; i < rounds; i++) {
      own.now += ms / rounds;
      await anchoring.round();
    }
  }

  const sizeCall: Meddle = (method, [call]) =>
    method === 'eth_call' && (call as { data: string }).data.length === 10 ? NOTHING : undefined;
  /** Says that the contract holds nothing, and shows real blocks of another chain. */
  const shows =
    (other: Anvil): Meddle =>
    (method, params, ask) =>
      method === 'eth_getBlockByNumber' && params[0] !== 'latest'
        ? other.rpc(method, ...params)
        : sizeCall(method, params, ask);

  function expectKept(): void {
    expect([anchor.anchored!.size, anchor.anchored!.isDoubtful, evidence(5)]).toEqual([5, false, before]);
    expect(anchor.counters).toMatchObject({ takenBack: 0 });
    expect(anchor.pending).toBeUndefined();
  }

  async function reorganize(): Promise<void> {
    await anvil.rpc('anvil_reorg', 8, []);
    await anvil.rpc('anvil_dropAllTransactions');
    contract = decodeHex((await writer.deploy()).slice(2));
    await anvil.mine(8);
  }

  it('stays where one answer denies it, however long: its own chain shows it', async () => {
    const sent = anchor.counters.sent;
    tap.meddle = sizeCall;
    await wait(3 * HOUR, 6);
    expect(status()).toEqual(trouble);
    expectKept();
    expect(anchor.counters.contradictions).toBeGreaterThanOrEqual(6);
    expect(anchor.counters.sent).toBe(sent);
    tap.meddle = undefined;
    await anchoring.round();
    await finalize(9);
    expect(anchor.counters.takenBack).toBe(0);
  });

  it('stays where a single endpoint shows another chain for less than an hour, also over a restart', async () => {
    tap.meddle = shows(island);
    await wait(HOUR - 60_000, 3);
    expectKept();
    await open();
    expect(status()).toEqual(trouble);
    expectKept();
    tap.meddle = undefined;
    await anchoring.round();
    await finalize(9);
    expect(anchor.counters.takenBack).toBe(0);
    expect(evidence(5)).toBe(before);
  });

  it('stays where a single endpoint says now this and now that', async () => {
    for (let i = 0; i < 4; i++) {
      tap.meddle = shows(island);
      await wait(HOUR / 2, 2);
      tap.meddle = sizeCall; // and the true block in between
      await anchoring.round();
    }
    expectKept();
  });

  it('stays where a forged block is shown, or none', async () => {
    const forged: Meddle = async (method, params, ask) => {
      if (method !== 'eth_getBlockByNumber') return sizeCall(method, params, ask);
      return { ...((await ask()) as object), hash: `0x${'33'.repeat(32)}` };
    };
    tap.meddle = forged;
    await wait(2 * HOUR, 4);
    expect(status()).toEqual(trouble);
    expectKept();
    tap.meddle = (method, params, ask) => (method === 'eth_getBlockByNumber' ? null : sizeCall(method, params, ask));
    await wait(2 * HOUR, 4);
    expectKept();
  });

  it('stays for ever where a second endpoint knows it', async () => {
    tap.meddle = shows(island);
    await open({ checkUrl: anvil.url });
    await wait(5 * HOUR, 6);
    expect(status()).toEqual(trouble);
    expectKept();
    tap.meddle = undefined;
    await anchoring.round();
    await finalize(9);
    expect(evidence(5)).toBe(before);
  });

  it('is doubtful when two endpoints agree, kept until the next is durable, and then replaced', async () => {
    await reorganize();
    await open({ checkUrl: anvil.url });
    expect(anchor.counters.takenBack).toBe(1);
    expect(status()).toEqual({ name: 'evm-31337', size: 5, doubtful: true, pending: 9 });
    expect([anchor.anchored!.evidence, evidence(5)]).toEqual([before, before]);
    await open({ checkUrl: anvil.url });
    expect(status()).toMatchObject({ size: 5, doubtful: true, pending: 9 });
    await finalize(9);
    expect(evidence(5)).toBe(before);
  });

  it('is doubtful when a single endpoint keeps to its word for an hour', async () => {
    await reorganize();
    await open();
    expect(status()).toEqual(trouble);
    expectKept();
    await wait(HOUR, 3);
    expect(anchor.counters.takenBack).toBe(1);
    expect(status()).toEqual({ name: 'evm-31337', size: 5, doubtful: true, pending: 9 });
    await finalize(9);
  });

  it('is made anew where only its block was replaced and the contract still holds the head', async () => {
    await own.close();
    own = await openAnchoredLog();
    await own.grow(5);
    await open({ checkUrl: anvil.url, contract: decodeHex((await writer.deploy()).slice(2)) });
    await anvil.mine(5); // the final block is two above the one that has the transaction
    await anchoring.round();
    before = evidence(5);
    await anvil.rpc('anvil_reorg', 3, []); // the blocks on top, and the one of the evidence with them
    await anvil.mine(4);
    await anchoring.round();
    expect(anchor.counters.takenBack).toBe(1);
    await finalize(5);
    expect(evidence(5)).not.toBe(before);
    expect(anchor.counters.sent).toBe(1);
  });
});
