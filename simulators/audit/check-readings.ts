/** The truth against the record as multisets: what is missing, what is there too often, what was never measured. */
import { encodeId } from '../../protocol/keys.ts';
import type { AgentState } from './agent-state.ts';
import type { Check } from './check.ts';
import { placesOf } from './check-proofs.ts';
import type { PatientRecord } from './patient-record.ts';
import type { PublicLog } from './public-log.ts';
import type { FiledLeaf, Truth } from './truth.ts';

export interface ReadingChecks {
  readonly loss: Check;
  readonly duplicate: Check;
  readonly invented: Check;
}

export function checkReadings(
  { loss, duplicate, invented }: ReadingChecks,
  records: readonly PatientRecord[],
  agents: readonly AgentState[],
  truth: Truth | undefined,
  log: PublicLog | undefined,
): void {
  // A word of the service on which the agent has let go of the readings.
  for (const id of log ? agents.flatMap(({ held }) => held) : []) {
    loss.looked();
    if (placesOf(log!, 'batch', id).length > 0) continue;
    loss.wrong(`batch ${encodeId(id)} is held, by the service's word, and is not in the log`);
  }
  const ids = new Set<string>();
  for (const { readings } of records) {
    for (const { id, refused } of readings) {
      duplicate.looked();
      if (ids.has(id)) duplicate.wrong(`reading ${id} is listed twice`);
      ids.add(id);
      if (refused !== undefined && refused !== 'missing') loss.wrong(`reading ${id} cannot be shown: ${refused}`);
    }
  }
  checkSameReadings(duplicate, records);
  if (!truth) {
    loss.notChecked('no truth was given');
    invented.notChecked('no truth was given');
    return;
  }
  let missing = 0;
  for (const slug of truth.patients) {
    const record = records.find((one) => one.slug === slug);
    if (!record) {
      loss.wrong('somebody who was measured has no record that can be read');
      continue;
    }
    for (const verdict of truth.compare(slug, record.subject, leavesOf(record))) {
      switch (verdict.what) {
        case 'filed':
          loss.looked();
          invented.looked();
          break;
        case 'lost':
          loss.looked();
          missing++;
          break;
        case 'uncaused':
          loss.looked();
          loss.wrong(`measurement ${verdict.n} did not reach the agent, and nothing tells why`);
          break;
        case 'doubled':
          duplicate.wrong(`reading ${verdict.id} is filed more often than it was measured`);
          break;
        case 'invented':
          invented.wrong(`reading ${verdict.id} was never measured`);
          break;
      }
    }
  }
  const waiting = agents.reduce((sum, agent) => sum + agent.waiting, 0);
  const unread = records.flatMap(({ readings }) => readings).filter(({ refused }) => refused === 'missing').length;
  if (missing > waiting + unread) {
    for (let i = 0; i < missing - waiting - unread; i++)
      loss.wrong('a measurement that was delivered is not in the record');
  }
  const undecided = Math.min(missing, waiting + unread);
  if (undecided > 0) {
    loss.open(
      `${undecided} measurements are not proven yet, and agents keep ${waiting} leaves: run them on, audit again`,
      undecided,
    );
  }
}

/** The same octets of the same device at the same instant, and not told apart by the agent, came twice. */
function checkSameReadings(duplicate: Check, records: readonly PatientRecord[]): void {
  for (const record of records) {
    const seen = new Set<string>();
    for (const { id, leaf } of leavesOf(record)) {
      const { device, characteristic, raw, vital, ordinal, heardAt, deviceClock } = leaf;
      const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
      const same = [hex(device), characteristic, hex(raw), vital, ordinal, deviceClock ?? heardAt].join(' ');
      if (seen.has(same)) duplicate.wrong(`reading ${id} is in the record under another id, too`);
      seen.add(same);
    }
  }
}

export function leavesOf({ readings }: PatientRecord): FiledLeaf[] {
  return readings.flatMap(({ id, proven }) => (proven?.verdict.reading ? [{ id, leaf: proven.verdict.reading }] : []));
}
