/** The audit for people. */

import type { AuditReport } from './auditor.ts';
import type { CheckResult } from './check.ts';

const VERDICTS = {
  clean: 'Nothing is wrong.',
  wrong: 'SOMETHING IS WRONG.',
  open: 'Nothing is wrong so far; not everything can be told yet.',
} as const;

export function formatReport({ verdict, patients, readings, checks }: AuditReport): string {
  return `${VERDICTS[verdict]}\n\n${patients} patients, ${readings} readings\n${checks.map(formatCheck).join('')}`;
}

function formatCheck({ check, outcome, looked, wrong, open, says }: CheckResult): string {
  const more = wrong + open - says.length;
  const reasons = more > 0 ? [...says, `and ${more} more`] : says;
  const figures = outcome === 'not checked' ? '' : `${looked} looked at${wrong > 0 ? `, ${wrong} wrong` : ''}`;
  return `  ${check.padEnd(22)}${outcome.padEnd(13)}${figures}\n${reasons.map((says) => `    ${says}\n`).join('')}`;
}
