/**
 * Fetches what a device has stored, through the Record Access Control Point of each service that has one, and remembers
 * how far it came. Nothing is ever deleted on the device.
 */
import type { Policies } from '../../protocol/devices/policies.ts';
import { Fault } from '../../protocol/fault.ts';
import { decodeCgmSessionStartTime } from '../../protocol/gatt/cgm-session.ts';
import { dateTimeToWallClock } from '../../protocol/gatt/date-time.ts';
import { RACP_OP, RACP_OPERATOR, type RacpRequest, racpOperand } from '../../protocol/gatt/racp.ts';
import { type Dialog, type Found, isWritable } from './dialog.ts';
import { RadioError } from './operations.ts';
import { RACP, type RecordAccess } from './profiles.ts';
import { type RacpPort, type RacpRefusal, requestRecords } from './racp-client.ts';
import { recordNumberOf } from './record-numbers.ts';
import { type CursorKey, type RecordCursors, RecordProgress } from './record-progress.ts';

export interface RecordsOptions {
  readonly dialog: Dialog;
  /** Address. */
  readonly device: string;
  readonly policies: Pick<Policies, 'records' | 'behaviors'>;
  /** Start of the present session (CGM 2AAA), where the device has one. */
  readonly session: Uint8Array | undefined;
  readonly cursors: RecordCursors | undefined;
  /** Longest silence within a transfer, ms. */
  readonly idleMs: number;
}

/** How fetching ended. After `stalled` and `not-stored` the link is to be dropped: the next one resumes. */
export type RecordsEnd = 'done' | 'refused' | 'stalled' | 'not-stored';

const LAST_NUMBER = 0xffff;
const NOTHING = new Uint8Array();
const ALL: RacpRequest = { opCode: RACP_OP.report, operator: RACP_OPERATOR.all, operand: NOTHING };
const NEWEST: RacpRequest = { opCode: RACP_OP.report, operator: RACP_OPERATOR.last, operand: NOTHING };

/** Fetches the records of all services, one after the other. Throws a RadioError when the link ends. */
export async function fetchRecords(options: RecordsOptions): Promise<RecordsEnd> {
  const { records } = options.policies;
  if (records === 'none' || records === 'pushed') return 'done';
  let worst: RecordsEnd = 'done';
  for (const controlPoint of options.dialog.found.filter(({ uuid }) => uuid === RACP)) {
    const access = controlPoint.profile.records;
    if (!access || !isWritable(controlPoint)) continue;
    const end = await new Transfer(options, controlPoint, access).run();
    if (end === 'stalled' || end === 'not-stored') return end;
    if (end === 'refused') worst = end;
  }
  return worst;
}

/** Codes after which asking for everything may still work. */
const UNSUPPORTED: readonly RacpRefusal[] = [
  'invalidOperator',
  'operatorUnsupported',
  'invalidOperand',
  'operandUnsupported',
];

type ReportEnd = Exclude<RecordsEnd, 'done'> | 'complete' | 'no-records' | 'unsupported';

/** The records of one service. */
class Transfer {
  readonly #options: RecordsOptions;
  readonly #access: RecordAccess;
  readonly #controlPoint: Found;
  readonly #port: RacpPort;
  /** Undefined where nothing can be remembered: nobody knows to which session the numbers belong. */
  readonly #key: CursorKey | undefined;
  #progress: RecordProgress | undefined;
  /** Of the record that came last. */
  #number: number | undefined;
  #stored: Promise<unknown> = Promise.resolve();
  #isConfigured = false;
  #hasRecords = false;

  constructor(options: RecordsOptions, controlPoint: Found, access: RecordAccess) {
    const { device, session } = options;
    const service = controlPoint.profile.service as number;
    this.#options = options;
    this.#access = access;
    this.#controlPoint = controlPoint;
    this.#port = this.#openPort();
    if (access.by !== 'time-offset') this.#key = { device, service };
    else if (session && isDated(session)) this.#key = { device, service, session };
  }

  async run(): Promise<RecordsEnd> {
    await this.#port.configure();
    const end = await this.#fetch();
    return end === 'complete' || end === 'no-records' ? 'done' : end === 'unsupported' ? 'refused' : end;
  }

  #fetch(): Promise<ReportEnd> {
    const { records, behaviors } = this.#options.policies;
    const isIncremental = records === 'racp-incremental' && !behaviors.includes('sequence-reversed');
    if (!isIncremental || this.#access.by === 'none') return this.#report(ALL);
    return this.#access.by === 'time-offset' ? this.#fetchSession() : this.#fetchSequence();
  }

  /** Times count from the start of the present session, so only records of this session are asked for. */
  async #fetchSession(): Promise<ReportEnd> {
    const cursor = this.#cursor;
    if (cursor === LAST_NUMBER) return 'complete';
    const end = await this.#report(from(cursor === undefined ? 0 : cursor + 1), cursor);
    return end === 'unsupported' ? this.#startOver() : end;
  }

  async #fetchSequence(): Promise<ReportEnd> {
    const cursor = this.#cursor;
    if (cursor === undefined || cursor === LAST_NUMBER) return this.#startOver();
    const end = await this.#report(from(cursor + 1), cursor);
    if (end === 'unsupported') return this.#startOver();
    // The numbers wrap: what came after the last one is below it.
    if (end === 'complete') return this.#cursor === LAST_NUMBER ? this.#startOver() : end;
    if (end !== 'no-records') return end;
    // Nothing above: unless the newest is the one that we know, the numbers have begun anew.
    this.#number = undefined;
    const probe = await this.#report(NEWEST);
    if (probe === 'no-records' || (probe === 'complete' && this.#number === cursor)) return probe;
    return probe === 'complete' || probe === 'unsupported' ? this.#startOver() : probe;
  }

  get #cursor(): number | undefined {
    return this.#key && this.#options.cursors?.read(this.#key);
  }

  #remember(number: number | undefined): void {
    if (this.#key) this.#options.cursors?.write(this.#key, number);
  }

  /** Everything. The cursor is forgotten first, so that an interruption does not lead back to it. */
  #startOver(): Promise<ReportEnd> {
    if (this.#cursor !== undefined) this.#remember(undefined);
    return this.#report(ALL, undefined);
  }

  /** One request. With a second argument, even undefined, the cursor follows what comes. */
  async #report(request: RacpRequest, ...cursor: [] | [number | undefined]): Promise<ReportEnd> {
    const { idleMs } = this.#options;
    const progress = cursor.length === 1 ? new RecordProgress(cursor[0], (n) => this.#remember(n)) : undefined;
    this.#progress = progress;
    this.#hasRecords = false;
    this.#stored = Promise.resolve();
    try {
      const end = await requestRecords(this.#port, request, idleMs);
      // One that never gives anything would be dropped for ever, and what it measures now be lost.
      if (end.end === 'stalled') return this.#hasRecords ? 'stalled' : 'refused';
      if (end.end === 'refused') return UNSUPPORTED.includes(end.code) ? 'unsupported' : 'refused';
      if (end.end === 'not-written') return 'refused';
      await this.#stored;
      await progress?.complete();
      return end.end === 'no-records' ? end.end : 'complete';
    } catch (error) {
      if (error instanceof RadioError) throw error;
      return 'not-stored';
    } finally {
      this.#progress = undefined;
      await progress?.interrupted();
    }
  }

  #openPort(): RacpPort {
    const { dialog } = this.#options;
    const { profile } = this.#controlPoint;
    const isCarrier = ({ uuid, profile: { service } }: Found) =>
      service === profile.service && this.#access.carriers.some((carrier) => carrier === uuid);
    return {
      ended: dialog.ended,
      write: (value) => dialog.write(this.#controlPoint, value),
      configure: async () => {
        // The measurements were subscribed to before; again only where the device says that they were not.
        if (this.#isConfigured) for (const carrier of dialog.found.filter(isCarrier)) await dialog.subscribe(carrier);
        await dialog.subscribe(this.#controlPoint);
        this.#isConfigured = true;
      },
      listen: ({ onResponse, onRecord }) => {
        const stop = dialog.listen(({ found, value, stored }) => {
          if (found === this.#controlPoint) {
            onResponse(value);
          } else if (isCarrier(found)) {
            onRecord();
            this.#hasRecords = true;
            this.#heard(recordNumberOf(found.uuid, value), stored);
          }
        });
        const carriers = dialog.found.filter(isCarrier);
        for (const carrier of carriers) dialog.asked.add(carrier);
        return () => {
          stop();
          for (const carrier of carriers) dialog.asked.delete(carrier);
        };
      },
    };
  }

  #heard(number: number | undefined, stored: Promise<unknown>): void {
    this.#stored = Promise.all([this.#stored, stored]);
    // Looked at when the transfer ends, which may be after it has failed.
    this.#stored.catch(() => undefined);
    if (number === undefined) return;
    this.#number = number;
    this.#progress?.note(number, stored);
  }
}

function from(number: number): RacpRequest {
  return { opCode: RACP_OP.report, operator: RACP_OPERATOR.greaterOrEqual, operand: racpOperand(number) };
}

/** Whether the start of a session has a date; one without is the same for every session. */
function isDated(session: Uint8Array): boolean {
  try {
    return dateTimeToWallClock(decodeCgmSessionStartTime(session).time) !== undefined;
  } catch (error) {
    if (error instanceof Fault) return false;
    throw error;
  }
}
