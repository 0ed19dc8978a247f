/** Reports to the service: numbered, signed, sealed, one after the other. What cannot be sent now is not kept. */
import { type ReportContent, signReport } from '../protocol/report.ts';
import type { Clock } from '../protocol/time.ts';
import type { SealingKey } from './identity.ts';

export interface ReporterOptions {
  /** The key that signs; `undefined` while the service does not know it yet: what would be said then is not. */
  readonly speaker: () => SealingKey | undefined;
  /** Random per start, 16 octets. */
  readonly boot: Uint8Array;
  readonly seal: (signed: Uint8Array) => Promise<Uint8Array>;
  /** Hands a sealed report to the broker, if there is one. */
  readonly send: (sealed: Uint8Array) => void;
  readonly realNow: Clock;
}

export type Report = (content: ReportContent) => void;

export function createReporter({ speaker, boot, seal, send, realNow }: ReporterOptions): Report {
  let number = 0;
  let turn: Promise<void> = Promise.resolve();
  return (content) => {
    const speaking = speaker();
    if (!speaking) return;
    const { agent, signer } = speaking;
    const signed = signReport({ agent, boot, number: ++number, at: realNow(), content }, signer);
    // In turn, so that numbers go up on the wire.
    turn = turn.then(async () => send(await seal(signed))).catch(() => undefined);
  };
}
