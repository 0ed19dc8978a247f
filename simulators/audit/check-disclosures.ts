/** The patient's list of who saw what: without a gap, and with all that this audit itself was shown. */
import type { Check } from './check.ts';
import type { PatientRecord } from './patient-record.ts';

export function checkDisclosures(check: Check, records: readonly PatientRecord[]): void {
  for (const { disclosures, shown, shownAfter } of records) {
    for (const [i, { seq }] of disclosures.entries()) {
      check.looked();
      if (seq !== i + 1) {
        check.wrong(`the list of disclosures has no number ${i + 1}`);
        break;
      }
    }
    const own = disclosures.filter(({ seq, role }) => seq > shownAfter && role === 'patient');
    const noted = new Map<string, number>();
    for (const { kind, count } of own) noted.set(`${kind} ${count}`, (noted.get(`${kind} ${count}`) ?? 0) + 1);
    const wanted = new Map<string, number>();
    for (const { kind, count } of shown) wanted.set(`${kind} ${count}`, (wanted.get(`${kind} ${count}`) ?? 0) + 1);
    for (const [act, times] of wanted) {
      const missing = times - (noted.get(act) ?? 0);
      check.looked(times);
      for (let i = 0; i < missing; i++) check.wrong('this audit was shown something, and the list does not say so');
    }
  }
}
