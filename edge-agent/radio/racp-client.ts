/**
 * One request to a Record Access Control Point 2A52 (GSS). The records come as notifications between the write and the
 * final indication, and only that indication says that all have come.
 */
import { Fault } from '../../protocol/fault.ts';
import {
  decodeRacpResponse,
  encodeRacpRequest,
  RACP_OP,
  RACP_OPERATOR,
  RACP_RESPONSE,
  type RacpRequest,
  type RacpResponse,
} from '../../protocol/gatt/racp.ts';
import { RadioError } from './operations.ts';

/** What the client needs of the device. */
export interface RacpPort {
  /** Undefined when accepted, else the ATT error code. */
  write(value: Uint8Array): Promise<number | undefined>;
  /** Subscribes to the control point and to all that carries records, once more. */
  configure(): Promise<void>;
  /** Hears indications of the control point, and that a record came; the result ends it. */
  listen(listener: { readonly onResponse: (value: Uint8Array) => void; readonly onRecord: () => void }): () => void;
  /** Resolves when the link has ended. */
  readonly ended: Promise<unknown>;
}

/** Response codes that are no success (GSS Record Access Control Point). */
export type RacpRefusal = Exclude<keyof typeof RACP_RESPONSE, 'success' | 'noRecords'> | 'reserved';

/** How a request ended. */
export type RacpEnd =
  /** All records that were asked for have come; with `noRecords` there was none, which is a success too. */
  | { readonly end: 'complete' | 'no-records' }
  /** The device answered that it cannot. */
  | { readonly end: 'refused'; readonly code: RacpRefusal }
  /** The write itself was refused, with an ATT error code. */
  | { readonly end: 'not-written'; readonly code: number }
  /** Nothing came for too long; the request was aborted, and the link is of no more use. */
  | { readonly end: 'stalled' };

// Procedure Already In Progress, CCCD Improperly Configured: GLS 1.0 gave them codes of its own, later services take
// those of Core Specification Supplement Part B §1.2.
const BUSY: readonly number[] = [0x80, 0xfe];
const NOT_CONFIGURED: readonly number[] = [0x81, 0xfd];

const ABORT = encodeRacpRequest({ opCode: RACP_OP.abort, operator: RACP_OPERATOR.null, operand: new Uint8Array() });

/**
 * Writes a request and waits for its end. A device that is still busy with an earlier one is told to abort it, and one
 * that says that we are not subscribed is subscribed to again; each once. `idleMs` is the longest silence.
 * Throws {@link RadioError} when the link ends.
 */
export async function requestRecords(port: RacpPort, request: RacpRequest, idleMs: number): Promise<RacpEnd> {
  const value = encodeRacpRequest(request);
  let end = await exchange(port, value, idleMs);
  if (end.end === 'not-written' && NOT_CONFIGURED.includes(end.code)) {
    await port.configure();
    end = await exchange(port, value, idleMs);
  }
  if (end.end === 'not-written' && BUSY.includes(end.code)) {
    await exchange(port, ABORT, idleMs);
    end = await exchange(port, value, idleMs);
  }
  if (end.end === 'stalled') await exchange(port, ABORT, idleMs);
  return end;
}

async function exchange(port: RacpPort, value: Uint8Array, idleMs: number): Promise<RacpEnd> {
  let timer: NodeJS.Timeout | undefined;
  let settle: (end: RacpEnd | 'lost') => void = () => undefined;
  const settled = new Promise<RacpEnd | 'lost'>((resolve) => {
    settle = resolve;
  });
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => settle({ end: 'stalled' }), idleMs);
  };
  // Before the write: the answer may overtake its acknowledgement.
  const stop = port.listen({
    onRecord: wait,
    onResponse(octets) {
      const end = readEnd(octets, value[0]!);
      if (end) settle(end);
    },
  });
  void port.ended.then(() => settle('lost'));
  try {
    wait();
    const code = await port.write(value);
    if (code !== undefined) return { end: 'not-written', code };
    wait();
    const end = await settled;
    if (end === 'lost') throw new RadioError('disconnected', 'records');
    return end;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

/** The end that a response is; undefined for one that is no answer to this request, or not to be read. */
function readEnd(octets: Uint8Array, requestOpCode: number): RacpEnd | undefined {
  let response: RacpResponse;
  try {
    response = decodeRacpResponse(octets);
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
  // How many there are is never asked for: what counts is that the device says that all have come.
  if (response.opCode !== RACP_OP.response || response.requestOpCode !== requestOpCode) return undefined;
  if (response.responseCode === RACP_RESPONSE.success) return { end: 'complete' };
  if (response.responseCode === RACP_RESPONSE.noRecords) return { end: 'no-records' };
  const name = Object.entries(RACP_RESPONSE).find(([, code]) => code === response.responseCode)?.[0];
  return { end: 'refused', code: (name as RacpRefusal | undefined) ?? 'reserved' };
}
