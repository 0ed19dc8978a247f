/**
 * What the radio does with a device once its measurements come: fetches what it has stored, then sets its clock. In this
 * order, because what is stored was stamped by the clock as it was.
 */
import type { Policies } from '../../protocol/devices/policies.ts';
import type { Instant } from '../../protocol/time.ts';
import type { ClockOutcome, ClockReading } from './device-clock.ts';
import type { Dialog } from './dialog.ts';
import type { TransportClock } from './hci-transport.ts';
import type { RadioLog } from './radio-events.ts';
import type { RecordCursors } from './record-progress.ts';
import { fetchRecords } from './records.ts';
import { setClock } from './set-clock.ts';
import { type DeviceUsers, giveConsent } from './user-consent.ts';

/** A device that sends its memory by itself is taken to be done after so long without a value, so many times at most. */
const QUIET_MS = 300;
const QUIET_ROUNDS = 20;

export interface VisitOptions {
  readonly dialog: Dialog;
  /** Address. */
  readonly device: string;
  readonly policies: Policies;
  readonly session: Uint8Array | undefined;
  readonly clock: TransportClock;
  readonly zoneOf: ((instant: Instant) => number) | undefined;
  readonly cursors: RecordCursors | undefined;
  readonly recordIdleMs: number;
  /** Users of devices that give nothing without the consent of one; without it none is given. */
  readonly users: DeviceUsers | undefined;
  /** 0 up to 1, for consent codes. */
  readonly random: () => number;
  /** How many values have come by themselves on this link. */
  readonly arrived: () => number;
  readonly readValues: () => Promise<void>;
  readonly onClock: (reading: ClockReading, set: ClockOutcome) => void;
  readonly drop: (reason: string) => void;
  readonly log: RadioLog;
}

/** Throws a RadioError when the link ends or hangs. */
export async function visit(options: VisitOptions): Promise<void> {
  const { policies, readValues } = options;
  if (policies.users === 'consent-required') await consent(options);
  if (!(await fetchAll(options))) return;
  if (policies.records === 'pushed') await quiet(options);
  const isLate = policies.clock === 'current-time-if-off-by-10-min';
  if (!isLate) await setAndReport(options);
  await readValues();
  // Such a device listens to the time only once it has sent something.
  if (isLate && (await firstValue(options))) await setAndReport(options);
}

async function consent({ dialog, device, users, random, recordIdleMs, log }: VisitOptions): Promise<void> {
  if (!users) return;
  const outcome = await giveConsent({ dialog, device, users, random, answerMs: recordIdleMs });
  if (outcome === 'refused') log({ event: 'user-consent-refused' });
}

/** False when the link is of no more use; the next one resumes. */
async function fetchAll({ recordIdleMs: idleMs, drop, log, ...options }: VisitOptions): Promise<boolean> {
  const end = await fetchRecords({ ...options, idleMs });
  if (end === 'done') return true;
  log({ event: `records-${end}` });
  if (end === 'refused') return true;
  drop(`records ${end}`);
  return false;
}

async function setAndReport({ dialog, clock, policies, zoneOf, onClock }: VisitOptions): Promise<void> {
  if (!zoneOf) return;
  const done = await setClock({ dialog, clock, zoneOf, policy: policies.clock });
  if (done) onClock(done, done.set);
}

/** Resolves when nothing has come for a while. */
async function quiet({ dialog, arrived }: VisitOptions): Promise<void> {
  for (let round = 0, before = -1; round < QUIET_ROUNDS && before !== arrived(); round++) {
    before = arrived();
    if (await endsWithin(dialog, QUIET_MS)) return;
  }
}

async function endsWithin({ ended }: Dialog, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  const isOver = await Promise.race([ended.then(() => true), patience]);
  clearTimeout(timer);
  return isOver;
}

/** True when something has come by itself, false when the link has ended before. */
async function firstValue({ dialog, arrived }: VisitOptions): Promise<boolean> {
  if (arrived() > 0) return true;
  return new Promise((resolve) => {
    const stop = dialog.listen(() => {
      stop();
      resolve(true);
    });
    void dialog.ended.then(() => resolve(false));
  });
}
