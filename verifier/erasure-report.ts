/** What `npm run verify` says of a certificate of erasure: in plain words, or as one line of JSON. Pure. */
import { encodeBase32 } from '../protocol/bytes.ts';
import type { ErasureCertificate } from '../protocol/erasure.ts';
import { ERASURE_NOT_SHOWN, type ErasureVerdict } from '../protocol/erasure-certificate.ts';
import { formatInstant } from '../protocol/time.ts';
import { printable } from './reading-text.ts';
import { escapeControls, MARKS, TRUST_HINT } from './report.ts';

const TITLES: Readonly<Record<ErasureVerdict['verdict'], string>> = {
  genuine: 'GENUINE: every step holds, and every gateway confirmed.',
  pending: 'GENUINE SO FAR: every step holds, but not every gateway has confirmed yet.',
  altered: 'ALTERED: a step fails, so do not believe it.',
  'not-provable': 'NOT PROVABLE: nothing speaks against it, but not every step can be decided.',
};

/** Several lines, ending in a line feed. `trusted`: whether a trust file was given. */
export function renderErasure(file: string, { verdict, steps, certificate }: ErasureVerdict, trusted: boolean): string {
  const lines = [`${printable(file)}: ${TITLES[verdict]}`];
  if (certificate) lines.push('', 'The erasure, as the certificate says', ...describe(certificate));
  lines.push('', 'Step by step');
  for (const { step, result, says } of steps) {
    lines.push(`  ${step.padEnd(11)} ${MARKS[result].padEnd(6)} ${printable(says)}`);
  }
  if (!trusted) lines.push('', ...TRUST_HINT);
  lines.push('', 'What no certificate shows', ...ERASURE_NOT_SHOWN.map((text) => `  - ${text}`));
  return `${lines.join('\n')}\n`;
}

function describe({ id, number, basis, at, erasedAt, segments, leaves, statements, agents }: ErasureCertificate) {
  const whose = basis === 'patient' ? "at the patient's signed wish" : 'by a legal order';
  return [
    `  erasure   ${encodeBase32(id)}, certificate number ${number}`,
    `  asked     ${formatInstant(at)}, ${whose}`,
    `  erased    ${formatInstant(erasedAt)}: ${leaves} leaves in ${segments} segments; their hashes stay`,
    ...statements.map(
      ({ store, unit, scanned, sought, found }) =>
        `  ${store.padEnd(14)} ${scanned} ${unit} looked through for ${sought}: ${found} found`,
    ),
    ...agents.map(({ confirmedAt }, i) => {
      return `  gateway ${i + 1}      ${confirmedAt === undefined ? 'pending' : `confirmed ${formatInstant(confirmedAt)}`}`;
    }),
  ];
}

/** One line, with its line feed. */
export function renderErasureJson(file: string, { verdict, steps, certificate }: ErasureVerdict): string {
  const json = { file, verdict, steps, ...(certificate && { certificate: plain(certificate) }) };
  return `${escapeControls(JSON.stringify(json))}\n`;
}

function plain({
  id,
  number,
  basis,
  at,
  erasedAt,
  issuedAt,
  segments,
  leaves,
  statements,
  agents,
}: ErasureCertificate) {
  return {
    erasure: encodeBase32(id),
    number,
    basis,
    askedAt: formatInstant(at),
    erasedAt: formatInstant(erasedAt),
    issuedAt: formatInstant(issuedAt),
    segments,
    leaves,
    statements,
    agents: agents.map(({ confirmedAt }) => ({
      confirmedAt: confirmedAt === undefined ? null : formatInstant(confirmedAt),
    })),
  };
}
