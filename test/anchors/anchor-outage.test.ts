/** Anchors never stand in the way: each is turned off in turn, and commitments go into the log as before. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJournalSqlite } from '../../journal/journal-sqlite.ts';
import { startLedgerWriter } from '../../ledger-writer/writer.ts';
import { decodeAnchorStatus } from '../../protocol/anchor-status.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { entryAt, openAnchoredLog } from '../support/anchored-log.ts';
import { ANVIL_KEYS, startAnvil, withoutAnvil } from '../support/anvil.ts';
import { callerOf } from '../support/log-anchor.ts';
import { tapRpc } from '../support/rpc-tap.ts';

describe.skipIf(withoutAnvil())('two anchors', () => {
  it('are turned off in turn, and filing never stops', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'veravita-outage-'));
    const own = await openAnchoredLog();
    const chains = await Promise.all([31337, 31338].map((id) => startAnvil(['--no-mining', '--chain-id', String(id)])));
    const taps = await Promise.all(chains.map(({ url }) => tapRpc(url)));
    const anchors = [];
    for (const [i, anvil] of chains.entries()) {
      const contract = decodeHex((await callerOf(anvil, ANVIL_KEYS[0]).deploy()).slice(2));
      anchors.push(own.open({ url: taps[i]!.url, contract, chainId: 31337 + i, timeoutMs: 1000 }));
    }
    const commitments = openJournalSqlite({ path: join(folder, 'commitments.sqlite') });
    const positions = openJournalSqlite({ path: join(folder, 'positions.sqlite') });
    const writer = startLedgerWriter({ commitments, positions, log: own.log, intervalMs: 20 });
    const anchoring = await own.start(...anchors);
    const status = () => decodeAnchorStatus(readFileSync(join(own.directory, 'anchors', 'status.json'), 'utf8'));
    let filed = 0;

    /** Files while the anchors are as they are: what was filed has its position, whatever they do. */
    async function file(count: number): Promise<void> {
      const bodies = Array.from({ length: count }, () => entryAt(filed++));
      await commitments.append(bodies.map((body) => ({ key: 'k', id: encodeHex(body), body })));
      await writer.flush();
      expect(await positions.end()).toBe(filed);
    }
    /** Rounds and blocks until it is so, and no more than a bounded number of them. */
    async function rounds(isSo: () => boolean): Promise<void> {
      for (let i = 0; i < 20 && !isSo(); i++) {
        await Promise.all(chains.map((chain) => chain.mine()));
        await anchoring.round();
      }
      expect(isSo()).toBe(true);
    }
    const areFinal = () => status().every(({ size, trouble }) => size === filed && trouble === undefined);

    await file(3);
    await rounds(areFinal);
    for (const [off, on, how] of [
      [0, 1, 'down'],
      [1, 0, 'slow'],
    ] as const) {
      taps[off]!.meddle = how;
      const before = filed;
      await file(40);
      const working = rounds(() => status()[on]!.size > before);
      await file(40); // at the same time
      await working;
      await rounds(() => status()[on]!.size === filed);
      expect(status()[off]!).toMatchObject({ size: before, trouble: 'unavailable' });
      taps[off]!.meddle = undefined;
      await rounds(areFinal);
    }
    await anchoring.stop();
    await writer.stop();
    await Promise.all([commitments.close(), positions.close()]);
    await own.close();
    await Promise.all([...taps.map((tap) => tap.close()), ...chains.map((chain) => chain.stop())]);
    rmSync(folder, { recursive: true });
  });
});
