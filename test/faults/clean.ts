/** How every run ends: all is drained, and the auditor finds nothing. */
import type { AuditReport } from '../../simulators/audit/auditor.ts';
import type { CheckName } from '../../simulators/audit/check.ts';
import { formatReport } from '../../simulators/audit/format-report.ts';
import type { FaultSite } from './fault-site.ts';

/** Throws with the auditor's report when anything is wrong, or cannot be told. */
export async function drainAndAudit(site: FaultSite): Promise<AuditReport> {
  await site.drain();
  const report = await site.audit();
  if (report.verdict !== 'clean') throw new Error(formatReport(report));
  return report;
}

/** What the auditor finds in a world that may never come to rest again. */
export async function auditAnyway(site: FaultSite, drainMs: number): Promise<CheckName[]> {
  await site.drain(drainMs).catch(() => undefined);
  const { checks } = await site.audit();
  return checks.filter(({ outcome }) => outcome === 'fails').map(({ check }) => check);
}

export function seedOf(what: string): number {
  const seed = Number(process.env.VERAVITA_SEED ?? Date.now() % 1_000_000);
  console.info(`${what}: VERAVITA_SEED=${seed}`);
  return seed;
}
