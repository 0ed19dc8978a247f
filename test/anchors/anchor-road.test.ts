/** From a heart beat to a receipt that a stranger checks against a chain, with the chain dead by then. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAnchorEvm } from '../../ledger-writer/anchor-evm.ts';
import { startAnchoring } from '../../ledger-writer/anchoring.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import { decodeReceipt } from '../../protocol/receipt.ts';
import { verifyReceipt } from '../../protocol/verify.ts';
import { consentToCollect } from '../../simulators/patients.ts';
import { readerOf } from '../ledger-writer/read-log.ts';
import { ANVIL_KEYS, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { callerOf } from '../support/log-anchor.ts';
import { openTestWorld } from '../support/test-world.ts';
import { until } from '../support/until.ts';

describe.skipIf(withoutAnvil())('the road to a chain', () => {
  it('ends in receipts that outlive it', async () => {
    const world = await openTestWorld();
    const anvil = await startAnvil();
    const contract = decodeHex((await callerOf(anvil, ANVIL_KEYS[0]).deploy()).slice(2));
    const anchor = openAnchorEvm({
      url: anvil.url,
      chainId: 31337,
      contract,
      key: decodeHex(ANVIL_KEYS[0]),
      finality: 1,
      maxFee: 500_000_000_000n,
      clock: Date.now,
      statePath: join(world.directory, 'keys', 'log', 'anchor.sqlite'),
    });
    const directory = join(world.directory, 'log');
    const [readLog, logKey] = [readerOf(directory), world.log.key];
    const anchoring = await startAnchoring({
      anchors: [anchor],
      readLog,
      logKey,
      directory: join(directory, 'anchors'),
    });
    const ada = world.patient('Ada (HTEST)');
    await consentToCollect(ada);
    const home = await world.strapHome('home', [ada], { maxLeaves: 5, maxAgeMs: 20 });
    const portal = await world.signIn({ role: 'patient', patient: ada.id });
    const latest = async () => {
      const { latest: all } = JSON.parse((await portal.get('/api/patient/overview')).body);
      return all.find(({ vital }: { vital: string }) => vital === 'heart-rate');
    };
    const receiptOf = async (id: string) => (await portal.get(`/api/patient/receipts/${id}`)).body;
    const trust = { log: world.log.key, service: world.service.publicKey };
    const chain = { chainId: 31337, contract };

    for (let i = 0; i < 12; i++) await home.beat(60 + i);
    await home.settle();
    const early = await latest();
    const before = verifyReceipt(await receiptOf(early.id), { ...trust, chains: [{ ...chain, blocks: [] }] });
    expect([before.verdict, before.anchors]).toEqual(['genuine', { anchors: [], confirmed: 0, of: 1 }]);

    for (let i = 0; i < 6 && anchor.anchored?.size !== world.log.head.checkpoint.size; i++) {
      await anchoring.round();
      await anvil.mine();
    }
    await until('the page shows it', async () => (await latest()).anchors?.held === 1);
    const receipt = await receiptOf(early.id);
    expect(decodeReceipt(receipt).anchors).toHaveLength(1);
    await anchoring.stop();
    await anvil.stop();

    // The log has grown, the chain is gone, and the receipts are as good as before: the old one and a new one.
    await home.beat(80);
    await home.settle();
    for (const text of [receipt, await receiptOf(early.id)]) {
      const open = verifyReceipt(text, { ...trust, chains: [{ ...chain, blocks: [] }] });
      const [held] = open.anchors!.anchors;
      expect([open.verdict, held!.missing]).toEqual(['genuine', 'block']);
      const known = verifyReceipt(text, { ...trust, chains: [{ ...chain, blocks: [held!.block.hash] }] });
      expect([known.verdict, known.anchors!.confirmed]).toEqual(['genuine', 1]);
    }
    const late = await latest();
    expect(late).toMatchObject({ inLog: true, anchors: { held: 0, of: 1 } });
    expect(verifyReceipt(await receiptOf(late.id), trust).verdict).toBe('genuine');
    await world.close();
  });
});
