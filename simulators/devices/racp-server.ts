/**
 * The memory of a simulated device that gives its records when asked: a Record Access Control Point 2A52 (GSS) whose
 * abilities and defects are declared.
 */
import { isFault } from '../../protocol/fault.ts';
import {
  decodeRacpRequest,
  encodeRacpResponse,
  RACP_FILTER_NUMBER,
  RACP_OP,
  RACP_OPERATOR,
  RACP_RESPONSE,
  type RacpRequest,
  type RacpResponse,
} from '../../protocol/gatt/racp.ts';
import type { CharacteristicDeclaration } from '../hci/gatt-database.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';

export const RACP = 0x2a52;

/** One record: what it is counted by, and what is sent for it, in order. */
export interface StoredRecord {
  readonly number: number;
  readonly values: readonly { readonly characteristic: number; readonly value: Uint8Array }[];
}

/** What such a device can do, and what it does wrong. */
export interface RacpBehavior {
  /** Operators that it knows; all by default. */
  readonly operators?: readonly number[];
  /** Whether it compares by number (filter type 1); true by default. */
  readonly filters?: boolean;
  /** Answers op code 7 with the records and their number; false by default. */
  readonly combined?: boolean;
  /** ATT error codes for a second request and for a missing subscription; those of GLS 1.0 by default. */
  readonly errors?: { readonly busy: number; readonly notConfigured: number };
  /** The newest record is sent first. */
  readonly newestFirst?: boolean;
  /** Awaited before each record: the pace of the transfer. */
  readonly pace?: (sent: number) => Promise<void> | void;
}

const GLS_ERRORS = { busy: 0x80, notConfigured: 0x81 } as const;
const ALL_OPERATORS = [1, 2, 3, 4, 5, 6];

export class RacpServer {
  /** Put it into the service that it belongs to. */
  readonly declaration: CharacteristicDeclaration = {
    uuid: RACP,
    properties: ['write', 'indicate'],
    onWrite: (value) => this.#onWrite(value),
  };
  /** Requests that were written, decoded where they could be. */
  readonly requests: RacpRequest[] = [];
  /** Answers every request with this response code while it is set. */
  answer: number | undefined;
  /** Says nothing more after this many records of a transfer, while it is set. */
  stallAfter: number | undefined;
  /** Drops the link after this many records of a transfer, while it is set. */
  interruptAfter: number | undefined;

  readonly #behavior: RacpBehavior;
  readonly #carriers: readonly number[];
  readonly #records: StoredRecord[] = [];
  #peripheral: VirtualPeripheral | undefined;
  #isDone = false;
  /** The transfer that is under way. */
  #transfer: { aborted: boolean } | undefined;

  /** `carriers` must be subscribed to before records can be asked for. */
  constructor(carriers: readonly number[], behavior: RacpBehavior = {}) {
    this.#carriers = carriers;
    this.#behavior = behavior;
  }

  /** To be called once the peripheral exists that the declaration went into. */
  attach(peripheral: VirtualPeripheral): void {
    this.#peripheral = peripheral;
    peripheral.on('disconnect', () => this.#abort());
  }

  /** True once a transfer has reached its end since the last one that did not. */
  get isDone(): boolean {
    return this.#isDone;
  }

  get records(): readonly StoredRecord[] {
    return this.#records;
  }

  store(record: StoredRecord): void {
    this.#records.push(record);
  }

  /** A factory reset: everything is gone. */
  clear(): void {
    this.#records.length = 0;
  }

  /** Makes the device busy with a request of somebody else, until it is aborted. */
  occupy(): void {
    this.#transfer = { aborted: false };
  }

  #abort(): void {
    if (this.#transfer) this.#transfer.aborted = true;
    this.#transfer = undefined;
  }

  #onWrite(value: Uint8Array): number | undefined {
    const { busy, notConfigured } = this.#behavior.errors ?? GLS_ERRORS;
    const peripheral = this.#peripheral;
    if (!peripheral) return undefined;
    if (![RACP, ...this.#carriers].every((uuid) => peripheral.isSubscribed(uuid))) return notConfigured;
    const request = decode(value);
    if (request) this.requests.push(request);
    const isAbort = request?.opCode === RACP_OP.abort;
    if (this.#transfer && !isAbort) return busy;
    if (isAbort) this.#abort();
    // After the response to the write, which is sent when this returns.
    queueMicrotask(() => void this.#serve(request, value[0] ?? 0));
    return undefined;
  }

  async #serve(request: RacpRequest | undefined, opCode: number): Promise<void> {
    const respond = (response: RacpResponse) => this.#peripheral?.send(RACP, encodeRacpResponse(response));
    const result = (responseCode: number) => respond({ opCode: RACP_OP.response, requestOpCode: opCode, responseCode });
    if (!request) return void result(RACP_RESPONSE.invalidOperand);
    if (request.opCode === RACP_OP.abort) return void result(RACP_RESPONSE.success);
    if (this.answer !== undefined) return void result(this.answer);
    const selected = this.#select(request);
    if (typeof selected === 'number') return void result(selected);
    switch (request.opCode) {
      case RACP_OP.reportCount:
        return void respond({ opCode: RACP_OP.countResponse, count: selected.length });
      case RACP_OP.combinedReport:
        if (!this.#behavior.combined) return void result(RACP_RESPONSE.opCodeUnsupported);
        if (await this.#send(selected)) respond({ opCode: RACP_OP.combinedResponse, count: selected.length });
        return;
      case RACP_OP.report:
        if (selected.length === 0) return void result(RACP_RESPONSE.noRecords);
        if (await this.#send(selected)) result(RACP_RESPONSE.success);
        return;
      default:
        return void result(RACP_RESPONSE.opCodeUnsupported);
    }
  }

  /** The records that a request is about, or the response code that refuses it. */
  #select({ operator, operand }: RacpRequest): readonly StoredRecord[] | number {
    const { operators = ALL_OPERATORS, filters = true } = this.#behavior;
    if (operator === RACP_OPERATOR.null) return RACP_RESPONSE.invalidOperator;
    if (!operators.includes(operator)) return RACP_RESPONSE.operatorUnsupported;
    if (operator === RACP_OPERATOR.all) return [...this.#records];
    if (operator === RACP_OPERATOR.first) return this.#records.slice(0, 1);
    if (operator === RACP_OPERATOR.last) return this.#records.slice(-1);
    if (!filters || operand[0] !== RACP_FILTER_NUMBER) return RACP_RESPONSE.operandUnsupported;
    const bound = (at: number) => operand[at]! | (operand[at + 1]! << 8);
    const from = operator === RACP_OPERATOR.lessOrEqual ? 0 : bound(1);
    const to =
      operator === RACP_OPERATOR.lessOrEqual ? bound(1) : operator === RACP_OPERATOR.within ? bound(3) : 0xffff;
    if (from > to) return RACP_RESPONSE.invalidOperand;
    return this.#records.filter(({ number }) => number >= from && number <= to);
  }

  /** True when all were sent, false when the transfer was aborted or the link has ended. */
  async #send(records: readonly StoredRecord[]): Promise<boolean> {
    const transfer = { aborted: false };
    this.#transfer = transfer;
    this.#isDone = false;
    const ordered = this.#behavior.newestFirst ? records.toReversed() : records;
    for (const [sent, { values }] of ordered.entries()) {
      if (sent === this.interruptAfter) this.#peripheral?.disconnect();
      if (sent === this.stallAfter) return false;
      await this.#behavior.pace?.(sent);
      for (const { characteristic, value } of values) {
        if (transfer.aborted || !(await this.#peripheral?.send(characteristic, value))) return false;
      }
    }
    if (transfer.aborted) return false;
    this.#transfer = undefined;
    this.#isDone = true;
    return true;
  }
}

function decode(value: Uint8Array): RacpRequest | undefined {
  try {
    return decodeRacpRequest(value);
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}
