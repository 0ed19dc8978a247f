/** Every sealed segment opened, and whatever stands beside it in clear compared with what is in it. */
import { formatReadingId } from '../../protocol/batch.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { LEAF_KINDS, type Leaf, type ReadingLeaf } from '../../protocol/leaf.ts';
import { isResult, isTimeKnown } from '../../protocol/newest-value.ts';
import type { Instant } from '../../protocol/time.ts';
import type { Patient } from '../record/patients.ts';
import { instantOf } from '../record/segments.ts';
import { RECORD, type RecordScrub } from './scrub-record.ts';

export function scrubSegments(scrub: RecordScrub, patients: readonly Patient[]): void {
  for (const patient of patients) {
    const leaves = scrubOnesSegments(scrub, patient);
    scrubFiledKeys(scrub, patient, leaves);
    scrubLatest(scrub, patient, leaves);
  }
}

interface Placed {
  readonly batch: string;
  readonly index: number;
  readonly leaf: Leaf;
}

function scrubOnesSegments({ store, db, findings }: RecordScrub, patient: Patient): Placed[] {
  const found: Placed[] = [];
  const rows = db
    .prepare(
      'SELECT batch, first_leaf, last_leaf, kind, vital, from_at, to_at, leaves, test FROM segments WHERE patient = ?',
    )
    .all(patient.id) as unknown as SegmentColumns[];
  for (const row of rows) {
    findings.check(RECORD, `a segment of batch ${row.batch} is not what was sealed`, () => {
      const kept = store.segments.leavesOf(patient, row.batch, row.first_leaf);
      const times = kept.map(({ leaf }) => instantOf(leaf));
      const [first] = kept;
      for (const { index, leaf } of kept) found.push({ batch: row.batch, index, leaf });
      return (
        first!.index === row.first_leaf &&
        kept.at(-1)!.index === row.last_leaf &&
        kept.length === row.leaves &&
        LEAF_KINDS[first!.leaf.kind] === row.kind &&
        (first!.leaf.kind === 'reading' ? first!.leaf.vital : 0) === row.vital &&
        Math.min(...times) === row.from_at &&
        Math.max(...times) === row.to_at &&
        (first!.leaf.test ? 1 : 0) === row.test &&
        kept.every(({ leaf }) => equalBytes(leaf.subject, patient.subject))
      );
    });
  }
  return found;
}

interface SegmentColumns {
  readonly batch: string;
  readonly first_leaf: number;
  readonly last_leaf: number;
  readonly kind: number;
  readonly vital: number;
  readonly from_at: number;
  readonly to_at: number;
  readonly leaves: number;
  readonly test: number;
}

/** One for each reading, and none for anything else. */
function scrubFiledKeys({ store, db, findings }: RecordScrub, patient: Patient, leaves: readonly Placed[]): void {
  const kept = db.prepare('SELECT key FROM filed_keys WHERE patient = ?').all(patient.id);
  const there = new Set(kept.map(({ key }) => encodeHex(key as Uint8Array)));
  const wanted = leaves.flatMap(({ leaf }) =>
    leaf.kind === 'reading' ? [encodeHex(store.filedKeys.keyFor(patient, leaf))] : [],
  );
  findings.check(RECORD, 'a reading would not be recognized if it came again', () =>
    wanted.every((key) => there.has(key)),
  );
  findings.check(
    RECORD,
    'something is remembered as filed that is not there',
    () => there.size === new Set(wanted).size,
  );
}

/** The newest values and devices, found again in the segments. */
function scrubLatest({ store, db, findings }: RecordScrub, patient: Patient, leaves: readonly Placed[]): void {
  const readings = new Map<string, ReadingLeaf>();
  for (const { batch, index, leaf } of leaves) {
    if (leaf.kind === 'reading') readings.set(formatReadingId(batch, index), leaf);
  }
  let isCorrected = false;
  findings.check(RECORD, 'a correction does not open', () => {
    isCorrected = store.corrections.of(patient).size > 0;
    return true;
  });
  for (const table of ['latest', 'latest_untimed'] as const) {
    const newest = new Map<string, Instant>();
    for (const leaf of readings.values()) {
      if (!isResult(leaf.flags) || isTimeKnown(leaf) !== (table === 'latest')) continue;
      const key = `${leaf.vital} ${encodeHex(leaf.device)}`;
      newest.set(key, Math.max(newest.get(key) ?? Number.NEGATIVE_INFINITY, leaf.measuredAt));
    }
    const rows = db
      .prepare(`SELECT vital, device, measured_at, reading FROM ${table} WHERE patient = ?`)
      .all(patient.id);
    findings.check(RECORD, 'a newest value is not the newest', () => {
      return (
        (isCorrected || rows.length === newest.size) &&
        rows.every(({ vital, device, measured_at: at, reading }) => {
          const leaf = readings.get(reading as string);
          if (!leaf) return false;
          const isThat =
            leaf.vital === vital && equalBytes(leaf.device, device as Uint8Array) && leaf.measuredAt === at;
          // What was corrected may have made room for an older one.
          return isThat && (isCorrected || newest.get(`${vital} ${encodeHex(device as Uint8Array)}`) === at);
        })
      );
    });
  }
  for (const row of db.prepare('SELECT handle, batch, leaf, heard_at FROM devices WHERE patient = ?').all(patient.id)) {
    findings.check(RECORD, 'a device is not the one that was described', () => {
      const of = leaves.find(({ batch, index }) => batch === row.batch && index === row.leaf)?.leaf;
      return of?.kind === 'device' && equalBytes(of.device, row.handle as Uint8Array) && of.heardAt === row.heard_at;
    });
  }
}
