/** A real log in a folder of its own, whose heads are taken to contracts on real chains. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Anchor } from '../../ledger-writer/anchor.ts';
import { openAnchorEvm } from '../../ledger-writer/anchor-evm.ts';
import { type Anchoring, startAnchoring } from '../../ledger-writer/anchoring.ts';
import type { EvmAnchorConfig } from '../../ledger-writer/evm/evm-anchor.ts';
import { openKeyedLog } from '../../ledger-writer/keyed-log.ts';
import type { Log } from '../../ledger-writer/log.ts';
import { decodeHex } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import type { ReadTile } from '../../protocol/tlog-tiles.ts';
import { readerOf } from '../ledger-writer/read-log.ts';
import { ANVIL_KEYS } from './anvil.ts';

export interface AnchoredLog {
  readonly directory: string;
  readonly log: Log;
  readonly readLog: ReadTile;
  /** Codes of the troubles told, oldest first; empty text where one ended. */
  readonly troubles: string[];
  /** Entries `[from, to)`, and a checkpoint. */
  grow(to: number): Promise<void>;
  /** An anchor of this log; a clock that the test moves, and a transaction that is stuck after a minute. */
  open(config: Pick<EvmAnchorConfig, 'url' | 'contract'> & Partial<EvmAnchorConfig>): Anchor;
  start(...anchors: Anchor[]): Promise<Anchoring>;
  /** Milliseconds that the anchors' clock shows. */
  now: number;
  close(): Promise<void>;
}

export const entryAt = (n: number) => new Uint8Array(createHash('sha256').update(`HTEST entry ${n}`).digest());

export async function openAnchoredLog(): Promise<AnchoredLog> {
  const base = mkdtempSync(join(tmpdir(), 'veravita-anchors-'));
  const directory = join(base, 'log');
  const log = await openKeyedLog({
    directory,
    keyDirectory: join(base, 'keys'),
    origin: 'test.example/log',
    newSeed: () => new Uint8Array(32).fill(8),
  });
  const troubles: string[] = [];
  const started: Anchoring[] = [];
  const self: AnchoredLog = {
    directory,
    log,
    readLog: readerOf(directory),
    troubles,
    now: Date.now(),
    async grow(to) {
      const from = log.head.checkpoint.size;
      await log.append(Array.from({ length: to - from }, (_, i) => entryAt(from + i)));
      await log.integrate();
    },
    open: (config) =>
      openAnchorEvm({
        chainId: 31337,
        key: decodeHex(ANVIL_KEYS[0]),
        finality: 2,
        maxFee: 500_000_000_000n,
        clock: () => self.now,
        stuckMs: 60_000,
        timeoutMs: 10_000,
        statePath: join(base, 'keys', `anchor-${config.chainId ?? 31337}.sqlite`),
        ...config,
      }),
    async start(...anchors) {
      const anchoring = await startAnchoring({
        anchors,
        readLog: self.readLog,
        logKey: log.key,
        directory: join(directory, 'anchors'),
        intervalMs: 3_600_000,
        pollMs: 3_600_000,
        onTrouble: (_, error) => troubles.push(error === undefined ? '' : isFault(error) ? error.code : String(error)),
      });
      started.push(anchoring);
      return anchoring;
    },
    async close() {
      await Promise.all(started.map((anchoring) => anchoring.stop()));
      await log.close();
      rmSync(base, { recursive: true });
    },
  };
  return self;
}
