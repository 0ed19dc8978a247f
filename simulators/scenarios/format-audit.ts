import { type AuditRow, add } from './audit.ts';

const NUMBERS = [
  'wearables',
  'measured',
  'delivered',
  'filed',
  'lost',
  'doubled',
  'invented',
  'faulty',
  'uncaused',
] as const;

/** The rows of an audit as people read them; the last line is the sum. */
export function formatAudit(rows: readonly AuditRow[]): string {
  const total = rows.reduce<AuditRow | undefined>((all, row) => add(all, row), undefined);
  const lines = [...rows, ...(total ? [{ ...total, kind: 'all' }] : [])].map((row) => {
    const why = Object.entries(row.undelivered).map(([name, n]) => `${n} ${name}`);
    const states = Object.entries(row.seconds).map(([name, s]) => `${name} ${(s / 3600).toFixed(1)} h`);
    return [
      row.kind.padEnd(17),
      ...NUMBERS.map((name) => String(row[name]).padStart(9)),
      `${row.unexplained.toFixed(0)} s`.padStart(12),
      `  ${why.join(', ') || '-'}; ${states.join(', ')}`,
    ].join(' ');
  });
  const head = ['kind'.padEnd(17), ...NUMBERS.map((name) => name.padStart(9)), ' unexplained'];
  return `${head.join(' ')}   not delivered; hours attested\n${lines.join('\n')}\n`;
}
