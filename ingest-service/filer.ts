/** Files held batches and says what became of them: the one place where a batch enters the record, whoever brings it. */
import { readHeader } from '../protocol/batch.ts';
import { encodeId } from '../protocol/keys.ts';
import type { Clock } from '../protocol/time.ts';
import type { Correcting } from './correcting.ts';
import type { Counters } from './counters.ts';
import { type Filing, fileBatch } from './file-batch.ts';
import type { HeldBatch } from './inbox.ts';
import type { RecordStore } from './record/record-sqlite.ts';

export interface FilerDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly correcting: Pick<Correcting, 'byAgent'>;
  /** Called after the transaction that filed a batch. */
  readonly onFiled: (filing: Filing) => void;
}

export interface Filer {
  /** Durable when it returns, once however often it is called; `sealed` as in the inbox. Throws `unavailable`. */
  file(batch: string, held: HeldBatch, sealed: Uint8Array): void;
}

export function createFiler({ store, clock, counters, correcting, onFiled }: FilerDeps): Filer {
  /** Taken before its key was revoked, and not filed: it waits for people. */
  function setAside(batch: string, { signedHeader, receivedAt }: HeldBatch, held: Uint8Array): void {
    const { agent, sequence } = readHeader(signedHeader).header;
    const row = { batch, agent: encodeId(agent), sequence, receivedAt, signedHeader, held };
    store.transaction(() => store.quarantine.insert(row));
    counters.add('batches.quarantined');
  }

  return {
    file(id, held, sealed) {
      const filing = fileBatch(store, held, clock(), correcting);
      if (filing === 'revoked') setAside(id, held, sealed);
      if (!filing || filing === 'revoked') return;
      counters.add('batches.filed');
      counters.add('readings.filed', filing.filed.length);
      counters.add('readings.doubles', filing.doubles);
      counters.add('leaves.withheld', filing.withheld);
      counters.add('readings.corrected', filing.corrected.length);
      if (filing.recovered) counters.add('inbox.recovered');
      onFiled(filing);
    },
  };
}
