/**
 * A certificate of erasure as a file, and its check: with nothing but the file and the keys that the reader trusts, as for
 * a receipt (docs/format.md §9.4).
 */
import { decodeBase64Url, decodeUtf8, encodeBase64Url } from './bytes.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import { verifyEd25519 } from './ed25519.ts';
import { type ErasureCertificate, openErasureCertificate, readErasureCertificate } from './erasure.ts';
import { Fault } from './fault.ts';
import { MAX_RECEIPT_LENGTH } from './receipt.ts';
import { members, parseJson } from './strict-json.ts';
import type { Trust } from './trust.ts';
import { checkCheckpoint, checkLogged } from './verify-log.ts';
import { Refusal, reasonOf, Unknown } from './verify-outcome.ts';

export const ERASURE_FORMAT = 'veravita/erasure@v1';

export interface LoggedCertificate {
  /** COSE_Sign1 by the service. */
  readonly certificate: Uint8Array;
  /** C2SP tlog-proof that it is in the log, with a signed checkpoint. */
  readonly logProof: string;
}

export function encodeErasureCertificate({ certificate, logProof }: LoggedCertificate): string {
  return `${JSON.stringify({ format: ERASURE_FORMAT, certificate: encodeBase64Url(certificate), logProof }, null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, and `version` for another format. Nothing is verified yet. */
export function decodeErasureCertificate(text: string): LoggedCertificate {
  const json = members(parseJson(text), ['format', 'certificate', 'logProof']);
  if (json.format !== ERASURE_FORMAT) throw new Fault('version', 'not a certificate of this format');
  if (typeof json.certificate !== 'string' || typeof json.logProof !== 'string')
    throw new Fault('malformed', 'not text');
  return { certificate: decodeBase64Url(json.certificate), logProof: json.logProof };
}

/** True for text that calls itself a certificate of erasure. */
export function isErasureCertificate(text: string | Uint8Array): boolean {
  try {
    const content = typeof text === 'string' ? text : decodeUtf8(text);
    if (content.length > MAX_RECEIPT_LENGTH) return false;
    return (JSON.parse(content) as { format?: unknown } | null)?.format === ERASURE_FORMAT;
  } catch {
    return false;
  }
}

/** In this order; each rests on the ones before. */
export const ERASURE_STEPS = ['format', 'gone', 'service', 'log', 'checkpoint', 'agents'] as const;
export type ErasureStep = (typeof ERASURE_STEPS)[number];

export interface ErasureStepResult {
  readonly step: ErasureStep;
  readonly result: 'holds' | 'fails' | 'unknown';
  /** One sentence for people. */
  readonly says: string;
}

export interface ErasureVerdict {
  /** `pending`: all holds, but an agent has not confirmed yet. */
  readonly verdict: 'genuine' | 'pending' | 'altered' | 'not-provable';
  readonly steps: readonly ErasureStepResult[];
  readonly certificate?: ErasureCertificate;
}

/** What no certificate shows, said with every verdict. */
export const ERASURE_NOT_SHOWN = [
  'that no copy exists outside: receipts and exports that were handed out, backups, disks that were taken away',
  'that the storage itself keeps no old blocks, as flash and copy-on-write file systems may',
  'that bodies in a journal on Kafka, where one is used, are off its disk: its broker unlinks them later and does not overwrite',
] as const;

/** Checks a certificate's text, or the bytes of its file. Never throws for what they hold. */
export function verifyErasureCertificate(
  text: string | Uint8Array,
  trust?: Trust,
  verify: Verify = verifyEd25519,
): ErasureVerdict {
  let file: LoggedCertificate;
  let read: ReturnType<typeof readErasureCertificate>;
  try {
    file = decodeErasureCertificate(typeof text === 'string' ? text : decodeUtf8(text));
    read = readErasureCertificate(file.certificate);
  } catch (error) {
    const says = `The certificate cannot be read: ${reasonOf(error)}.`;
    return { verdict: 'altered', steps: [{ step: 'format', result: 'fails', says }] };
  }
  const { certificate, id } = read;
  const steps: ErasureStepResult[] = [];
  const run = (step: ErasureStep, check: () => string | Unknown) => {
    try {
      const says = check();
      const isOpen = says instanceof Unknown;
      steps.push({ step, result: isOpen ? 'unknown' : 'holds', says: isOpen ? says.says : says });
    } catch (error) {
      steps.push({ step, result: 'fails', says: `${FAILURES[step]}: ${reasonOf(error)}.` });
    }
  };
  run('format', () => 'The certificate is complete and well formed.');
  run('gone', () => checkGone(certificate));
  run('service', () => {
    if (!trust) return new Unknown('Whose word it is cannot be told without a trust file.');
    openErasureCertificate(file.certificate, trust.service, verify);
    return 'The service that you trust signed it.';
  });
  run('log', () => `The certificate is ${checkLogged(file.logProof, commitmentOf('erasure', id))}.`);
  run('checkpoint', () => checkCheckpoint(file, trust, verify));
  const pending = certificate.agents.filter(({ confirmedAt }) => confirmedAt === undefined).length;
  run('agents', () => sayAgents(certificate.agents.length, pending));
  return { verdict: judge(steps, pending), steps, certificate };
}

const FAILURES: Readonly<Record<ErasureStep, string>> = {
  format: 'The certificate cannot be read',
  gone: 'Not all is gone',
  service: "The service's signature does not hold",
  log: 'The certificate is not in the log',
  checkpoint: "The log's signature does not hold",
  agents: 'The gateways',
};

function checkGone({ statements }: ErasureCertificate): string {
  const left = statements.filter(({ found }) => found > 0);
  if (left.length > 0) throw new Refusal(`something was still found in ${left.map(({ store }) => store).join(', ')}`);
  const most = Math.max(...statements.map(({ sought }) => sought));
  return `Nothing was found in any of ${statements.length} stores, which were looked through for up to ${most} things.`;
}

function sayAgents(all: number, pending: number): string {
  if (all === 0) return 'No gateway had served the patient.';
  if (pending === 0) return `All gateways confirmed, ${all} of ${all}.`;
  return `${all - pending} of ${all} gateways confirmed; the others do it when they come back.`;
}

function judge(steps: readonly ErasureStepResult[], pending: number): ErasureVerdict['verdict'] {
  if (steps.some(({ result }) => result === 'fails')) return 'altered';
  if (steps.some(({ result }) => result === 'unknown')) return 'not-provable';
  return pending > 0 ? 'pending' : 'genuine';
}
