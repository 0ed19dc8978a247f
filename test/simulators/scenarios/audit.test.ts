import { describe, expect, it } from 'vitest';
import { type AuditInput, auditScenario, formatAudit, isClean } from '../../../simulators/scenarios/audit.ts';
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
  measuredAt: at,
  heardAt: at,
  id: `reading-${at}`,
});

function audit(input: Partial<AuditInput>) {
  return auditScenario({
    truth: [...measured(0, '60'), ...measured(1, '61'), ...measured(2, '60')],
    filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60')],
    coverage: [{ address: STRAP, from: 0, to: 3000, state: 'received' }],
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
    expect(formatAudit(rows)).toMatch(/^all +1 +3 +3 +3 +0 +0 +0 +0 +0 s /m);
  });

  it.each([
    ['lost', { filed: [filed(0, '60'), filed(2000, '60')] }],
    ['doubled', { filed: [filed(0, '60'), filed(1000, '61'), filed(1000, '61'), filed(2000, '60')] }],
    ['invented', { filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60'), filed(2000, '99')] }],
    ['invented', { filed: [filed(0, '60'), filed(1000, '61'), filed(2000, '60'), filed(0, '60', 'elsewhere')] }],
    ['unexplained', { coverage: [{ address: STRAP, from: 0, to: 2000, state: 'received' }] }],
  ])('finds one that is %s', (name, input) => {
    const rows = audit(input);
    expect(isClean(rows)).toBe(false);
    const counts = { lost: 0, doubled: 0, invented: 0, unexplained: 0, [name]: 1 };
    expect(Object.fromEntries(Object.keys(counts).map((key) => [key, sum(rows, key as 'lost')]))).toEqual(counts);
  });

  it('does not let a double hide a loss', () => {
    const rows = audit({ filed: [filed(0, '60'), filed(0, '60'), filed(1000, '61')] });
    expect(rows).toMatchObject([{ lost: 1, doubled: 1 }]);
  });

  it('lays what a fault sent twice to the fault, on that wearable and at that time alone', () => {
    const twice = [filed(0, '60'), filed(1000, '61'), filed(1000, '61'), filed(2000, '60'), filed(2000, '60')];
    const fault = { kind: 'doubled-notifications' } as const;
    const on = (device: string): TruthLine => ({ line: 'fault', fault, device, from: 500, to: 1500 });
    const truth = [...measured(0, '60'), ...measured(1, '61'), ...measured(2, '60')];
    expect(audit({ filed: twice, truth: [...truth, on('strap')] })).toMatchObject([{ doubled: 1, faulty: 1 }]);
    expect(audit({ filed: twice, truth: [...truth, on('other')] })).toMatchObject([{ doubled: 2, faulty: 0 }]);
  });

  it('does not ask for what nobody could hear', () => {
    const rows = audit({
      truth: [...measured(0, '60'), ...measured(1, '61'), ...measured(2, '60'), ...measured(3, '62', 'unheard')],
    });
    expect(rows).toMatchObject([{ lost: 0, undelivered: { unheard: 1 } }]);
    expect(isClean(rows)).toBe(true);
  });
});

function sum(rows: ReturnType<typeof auditScenario>, key: 'lost'): number {
  return rows.reduce((total, row) => total + row[key], 0);
}
