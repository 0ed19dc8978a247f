import { describe, expect, it } from 'vitest';
import { type AuditInput, auditScenario, isClean } from '../../../simulators/scenarios/audit.ts';
import { formatAudit } from '../../../simulators/scenarios/format-audit.ts';
import type { Verdict } from '../../../simulators/scenarios/judge.ts';
import type { TruthLine } from '../../../simulators/scenarios/truth.ts';

const STRAP = 'f0:00:00:00:00:01';
const RATE = 147_842;

function measured(n: number, value: string, why?: 'unheard' | 'lost'): TruthLine[] {
  const vitals = [{ mdc: RATE, value, unit: '/min' }];
  const what = { device: 'strap', address: STRAP, patient: 'ada', home: 'home', keeps: 'live' } as const;
  return [
    { line: 'measured', n, ...what, measuredAt: n * 1000, vitals, raw: [] },
    { line: 'outcome', n, delivered: why === undefined, ...(why && { why }), at: n * 1000 },
  ];
}

const filed = (at: number, value: string, address = STRAP) => ({
  address,
  mdc: RATE,
  value,
  unit: '/min',
  measuredAt: at,
  heardAt: at,
  id: `reading-${at}`,
});

const SENT = [...measured(0, '60'), ...measured(1, '61'), ...measured(2, '60')];
const RECEIVED = { address: STRAP, from: 0, to: 3000, state: 'received' };

function audit(input: Partial<AuditInput>) {
  return auditScenario({
    truth: SENT,
    filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60')],
    coverage: [RECEIVED],
    kinds: new Map([[STRAP, 'strap']]),
    from: 0,
    to: 3000,
    ...input,
  });
}

describe('the audit of a scenario', () => {
  it('finds nothing where the record is the truth', () => {
    const rows = audit({});
    expect(rows).toMatchObject([{ kind: 'strap', measured: 3, delivered: 3, filed: 3, seconds: { received: 3 } }]);
    expect(isClean(rows)).toBe(true);
    expect(formatAudit(rows)).toMatch(/^all +1 +3 +3 +3 +0 +0 +0 +0 +0 +0 s /m);
  });

  it.each([
    ['lost', { filed: [filed(0, '60'), filed(2000, '60')] }],
    ['doubled', { filed: [filed(0, '60'), filed(1000, '61'), filed(1000, '61'), filed(2000, '60')] }],
    ['invented', { filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60'), filed(2000, '99')] }],
    ['invented', { filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60'), filed(0, '60', 'elsewhere')] }],
    ['invented', { filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60'), filed(2000, 'nothing')] }],
    ['uncaused', { truth: [...SENT, ...measured(3, '62', 'unheard')] }],
    ['uncaused', { truth: [...SENT, measured(3, '62')[0]!] }],
    ['unexplained', { coverage: [{ address: STRAP, from: 0, to: 2000, state: 'received' }] }],
    ['unexplained', { coverage: [RECEIVED, { address: STRAP, from: 1000, to: 2000, state: 'out-of-range' }] }],
    ['unexplained', { coverage: [RECEIVED, { address: 'elsewhere', from: 1000, to: 2000, state: 'received' }] }],
  ])('finds one that is %s', (name, input) => {
    const rows = audit(input);
    expect(isClean(rows)).toBe(false);
    const counts = { lost: 0, doubled: 0, invented: 0, uncaused: 0, unexplained: 0, [name]: 1 };
    expect(Object.fromEntries(Object.keys(counts).map((key) => [key, sum(rows, key as 'lost')]))).toEqual(counts);
  });

  it('does not let a double hide a loss', () => {
    const [early, late] = [filed(0, '60'), filed(2000, '60')];
    expect(audit({ filed: [early, early, filed(1000, '61')] })).toMatchObject([{ lost: 1, doubled: 1 }]);
    expect(audit({ filed: [late, late, filed(1000, '61')] })).toMatchObject([{ lost: 1, doubled: 1 }]);
    const truth = [...measured(0, '60', 'lost'), ...measured(1, '61'), ...measured(2, '60')];
    expect(audit({ truth, filed: [filed(1000, '61'), late, late] })).toMatchObject([{ doubled: 1 }]);
  });

  it('lays what a fault sent twice to the fault, on that wearable and at that time alone', () => {
    const twice = [filed(0, '60'), filed(1000, '61'), filed(1000, '61'), filed(2000, '60'), filed(2000, '60')];
    const fault = { kind: 'doubled-notifications' } as const;
    const on = (device: string): TruthLine => ({ line: 'fault', fault, device, from: 500, to: 1500 });
    const truth = [...SENT, on('strap')];
    expect(audit({ filed: twice, truth })).toMatchObject([{ doubled: 1, faulty: 1 }]);
    expect(audit({ filed: twice, truth: [...SENT, on('other')] })).toMatchObject([{ doubled: 2, faulty: 0 }]);
    const more = [...twice, filed(1000, '61'), filed(1000, '99')];
    expect(audit({ filed: more, truth })).toMatchObject([{ doubled: 2, faulty: 1, invented: 1 }]);
  });

  it('does not ask for what a fault kept from being heard', () => {
    const fault: TruthLine = { line: 'fault', fault: { kind: 'adapter-off' }, home: 'home', from: 2500, to: 2900 };
    const rows = audit({ truth: [...SENT, ...measured(3, '62', 'unheard'), fault] });
    expect(rows).toMatchObject([{ lost: 0, uncaused: 0, undelivered: { unheard: 1 } }]);
    expect(isClean(rows)).toBe(true);
    const refused = { ...fault, refused: 'no transport' } as TruthLine;
    expect(audit({ truth: [...SENT, ...measured(3, '62', 'unheard'), refused] })).toMatchObject([{ uncaused: 1 }]);
  });

  it('tells of each number what became of it, by measurement and reading id', () => {
    const told: [string, Verdict][] = [];
    audit({ filed: [filed(0, '60'), filed(1000, '61')], onVerdict: (...one) => void told.push(one) });
    expect(told).toEqual([
      [STRAP, { what: 'filed', n: 0, id: 'reading-0' }],
      [STRAP, { what: 'filed', n: 1, id: 'reading-1000' }],
      [STRAP, { what: 'lost', n: 2 }],
    ]);
  });
});

function sum(rows: ReturnType<typeof auditScenario>, key: 'lost'): number {
  return rows.reduce((total, row) => total + row[key], 0);
}
