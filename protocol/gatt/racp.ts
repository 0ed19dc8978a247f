/**
 * Record Access Control Point 2A52 (GSS), by which GLS, CGMS, PLXS, BLS and GHSS give stored records. The client writes a
 * request, the records come as notifications, and a response ends it.
 */
import { ByteReader } from '../bytes.ts';
import { Fault } from '../fault.ts';
import { ByteWriter } from './writer.ts';

/** Op codes. 7 and 8 are of services that report several kinds of records at once. */
export const RACP_OP = {
  report: 1,
  delete: 2,
  abort: 3,
  reportCount: 4,
  countResponse: 5,
  response: 6,
  combinedReport: 7,
  combinedResponse: 8,
} as const;

/** Operators: which records. `first` is the oldest, `last` the newest. */
export const RACP_OPERATOR = {
  null: 0,
  all: 1,
  lessOrEqual: 2,
  greaterOrEqual: 3,
  within: 4,
  first: 5,
  last: 6,
} as const;

/** Response codes. `noRecords` after a report is an answer, not a failure. */
export const RACP_RESPONSE = {
  success: 1,
  opCodeUnsupported: 2,
  invalidOperator: 3,
  operatorUnsupported: 4,
  invalidOperand: 5,
  noRecords: 6,
  abortFailed: 7,
  notCompleted: 8,
  operandUnsupported: 9,
} as const;

/** Filter type of an operand that compares the sequence number (GLS, BLS) or the time offset (CGMS), two octets each. */
export const RACP_FILTER_NUMBER = 1;

/** What a client writes. */
export interface RacpRequest {
  readonly opCode: number;
  readonly operator: number;
  /** Filter type and its values, see {@link racpOperand}; empty for operators that need none. */
  readonly operand: Uint8Array;
}

/** How many records there are. */
export interface RacpCount {
  readonly opCode: 5 | 8;
  readonly count: number;
}

/** How a request ended. */
export interface RacpResult {
  readonly opCode: 6;
  readonly requestOpCode: number;
  /** One of {@link RACP_RESPONSE}, or a code of a later standard. */
  readonly responseCode: number;
}

/** What a device indicates. */
export type RacpResponse = RacpCount | RacpResult;

/** Operand that filters by number: one bound, or minimum and maximum, both included. Throws `range`. */
export function racpOperand(...bounds: readonly number[]): Uint8Array {
  const writer = new ByteWriter().u8(RACP_FILTER_NUMBER);
  for (const bound of bounds) writer.u16(bound);
  return writer.take();
}

/** Octets of the values behind filter type 1 by operator; no entry: no operand (or an operator of a later standard). */
const BOUND_OCTETS: ReadonlyMap<number, number> = new Map([
  [RACP_OPERATOR.lessOrEqual, 2],
  [RACP_OPERATOR.greaterOrEqual, 2],
  [RACP_OPERATOR.within, 4],
]);

/**
 * What a client wrote. Unknown op codes and operators are read, since a device must answer them. Throws `truncated`,
 * `trailing` when the operand does not fit its operator, and `range` on the op code of a response. Filters other than by
 * number differ between services, so their values are not looked at.
 */
export function decodeRacpRequest(bytes: Uint8Array): RacpRequest {
  const reader = new ByteReader(bytes);
  const opCode = reader.u8();
  if (isResponse(opCode)) throw new Fault('range', 'a response is no request');
  const operator = reader.u8();
  const operand = reader.rest();
  const bounds = BOUND_OCTETS.get(operator);
  const values = new ByteReader(operand);
  if (bounds === undefined) {
    if (operator <= RACP_OPERATOR.last) values.end();
  } else {
    const filter = values.u8();
    values.bytes(filter === RACP_FILTER_NUMBER ? bounds : 1);
    if (filter === RACP_FILTER_NUMBER) values.end();
  }
  return { opCode, operator, operand };
}

/** The reverse of {@link decodeRacpRequest}. Throws `range`. */
export function encodeRacpRequest({ opCode, operator, operand }: RacpRequest): Uint8Array {
  return new ByteWriter().u8(opCode).u8(operator).bytes(operand).take();
}

function isResponse(opCode: number): opCode is 5 | 6 | 8 {
  return opCode === 5 || opCode === 6 || opCode === 8;
}

/**
 * What a device indicated. Throws `not-a-response` on the op code of a request, `operator` when the operator is not
 * null, `truncated`, `trailing`, and `size` when a count has not one, two or four octets.
 */
export function decodeRacpResponse(bytes: Uint8Array): RacpResponse {
  const reader = new ByteReader(bytes);
  const opCode = reader.u8();
  if (!isResponse(opCode)) throw new Fault('not-a-response', 'op code of a request');
  if (reader.u8() !== RACP_OPERATOR.null) throw new Fault('operator', 'a response has the operator null');
  if (opCode === 6) {
    const result: RacpResult = { opCode, requestOpCode: reader.u8(), responseCode: reader.u8() };
    reader.end();
    return result;
  }
  // The number of octets is a matter of the service; nothing in the value says it.
  const octets = Math.max(1, reader.remaining);
  if (![1, 2, 4].includes(octets)) throw new Fault('size', 'a count has one, two or four octets');
  return { opCode, count: reader.uint(octets) };
}

/** The reverse of {@link decodeRacpResponse}; two octets for a count that fits them, else four. Throws `range`. */
export function encodeRacpResponse(response: RacpResponse): Uint8Array {
  const writer = new ByteWriter().u8(response.opCode).u8(RACP_OPERATOR.null);
  if (response.opCode === 6) return writer.u8(response.requestOpCode).u8(response.responseCode).take();
  return writer.uint(response.count > 0xffff ? 4 : 2, response.count).take();
}

/** Either direction, told apart by the op code. Throws what the two decoders throw. */
export function decodeRacp(bytes: Uint8Array): RacpRequest | RacpResponse {
  return isResponse(new ByteReader(bytes).u8()) ? decodeRacpResponse(bytes) : decodeRacpRequest(bytes);
}

/** The reverse of {@link decodeRacp}. Throws `range`. */
export function encodeRacp(value: RacpRequest | RacpResponse): Uint8Array {
  return 'operand' in value ? encodeRacpRequest(value) : encodeRacpResponse(value);
}
