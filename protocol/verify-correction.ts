/** Corrections of a receipt's reading, in the receipt or beside it (docs/format.md §9.5): are they about it, and do they hold? */
import { readHeader } from './batch.ts';
import { equalBytes } from './bytes.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import type { Receipt } from './receipt.ts';
import {
  decodeSupersession,
  isBySubject,
  type LoggedSupersession,
  openSupersession,
  type ReadSupersession,
  readSupersession,
} from './supersession.ts';
import type { Trust } from './trust.ts';
import { checkCheckpoint, checkLogged } from './verify-log.ts';
import { Refusal, reasonOf, Unknown } from './verify-outcome.ts';

/** Those that claim to be about this reading. Throws nothing: what cannot be read beside a receipt is about nothing. */
export function correctionsOf(
  { header, index, supersession }: Receipt,
  beside: readonly string[],
): LoggedSupersession[] {
  const about = beside.flatMap((text) => {
    try {
      const logged = decodeSupersession(text);
      const { correction } = readSupersession(logged.statement);
      const isOurs = correction.index === index && equalBytes(correction.batch, readHeader(header).id);
      return isOurs ? [logged] : [];
    } catch (error) {
      reasonOf(error);
      return [];
    }
  });
  return supersession ? [supersession, ...about] : about;
}

/** The newest of them, after every one held; undefined without trust. */
export function newestCorrection(
  corrections: readonly LoggedSupersession[],
  { header, index }: Receipt,
  trust: Trust | undefined,
  verify: Verify,
): ReadSupersession | undefined {
  if (!trust) return undefined;
  const read = corrections.map(({ statement, logProof }) => {
    const opened = openSupersession(statement, trust.service, verify);
    const { batch, index: of } = opened.correction;
    if (of !== index || !equalBytes(batch, readHeader(header).id)) throw new Refusal('it is about another reading');
    checkLogged(logProof, commitmentOf('supersession', opened.id));
    if (checkCheckpoint({ logProof }, trust, verify) instanceof Unknown)
      throw new Refusal('another log signed its proof');
    return opened;
  });
  return read.reduce((newest, one) => (one.at >= newest.at ? one : newest));
}

export function sayCorrection(supersession: ReadSupersession): string {
  const { by, correction } = supersession;
  const who = by === 'patient' && isBySubject(supersession) ? 'the patient herself' : `the ${WHO[by]}`;
  const what = correction.act === 'withdraw' ? 'withdrawn' : 'corrected';
  return `The reading was ${what} by ${who} (${correction.reason}); the service that you trust put it into the log.`;
}

const WHO = { agent: 'gateway that measured it', patient: 'patient', practitioner: 'practitioner' } as const;
