/** Reports to the service: numbered, signed, sealed, one after the other. What cannot be sent now is not kept. */
import type { Signer } from '../protocol/cose.ts';
import { type ReportContent, signReport } from '../protocol/report.ts';
import type { Clock } from '../protocol/time.ts';

export interface ReporterOptions {
  /** Our key's thumbprint. */
  readonly agent: Uint8Array;
  /** Random per start, 16 octets. */
  readonly boot: Uint8Array;
  readonly signer: Signer;
  readonly seal: (signed: Uint8Array) => Promise<Uint8Array>;
  /** Hands a sealed report to the broker, if there is one. */
  readonly send: (sealed: Uint8Array) => void;
  readonly realNow: Clock;
}

export type Report = (content: ReportContent) => void;

export function createReporter({ agent, boot, signer, seal, send, realNow }: ReporterOptions): Report {
  let number = 0;
  let turn: Promise<void> = Promise.resolve();
  return (content) => {
    const signed = signReport({ agent, boot, number: ++number, at: realNow(), content }, signer);
    // In turn, so that numbers go up on the wire.
    turn = turn.then(async () => send(await seal(signed))).catch(() => undefined);
  };
}
