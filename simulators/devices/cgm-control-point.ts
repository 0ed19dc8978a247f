/** CGM Specific Ops Control Point 2AAC of a simulated sensor: the interval, and starting and stopping a session. */
import { isFault } from '../../protocol/fault.ts';
import {
  type CgmControlPoint,
  type CgmOperation,
  decodeCgmControlPoint,
  encodeCgmControlPoint,
} from '../../protocol/gatt/cgm-control-point.ts';
import type { CharacteristicDeclaration } from '../hci/gatt-database.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';
import type { CgmSession } from './cgm.ts';

const CONTROL_POINT = 0x2aac;

/** ATT application errors (CGMS) and Out of Range (Core Specification Supplement Part B §1.2). */
export const MISSING_CRC = 0x80;
export const INVALID_CRC = 0x81;
export const OUT_OF_RANGE = 0xff;
const NOT_CONFIGURED = 0xfd;

/** Response codes (CGMS). */
const SUCCESS = 1;
const UNSUPPORTED = 2;

/** What a sensor remembers. */
export interface CgmState {
  session: CgmSession;
  /** Of the last measurement. */
  offsetMin: number;
  timeSyncRequired: boolean;
  /** Minutes between notifications; 0 while the session is stopped. */
  intervalMin: number;
}

export class CgmControlPointServer {
  readonly declaration: CharacteristicDeclaration = {
    uuid: CONTROL_POINT,
    properties: ['write', 'indicate'],
    onWrite: (value) => this.#onWrite(value),
  };
  readonly #state: CgmState;
  #peripheral: VirtualPeripheral | undefined;

  constructor(state: CgmState) {
    this.#state = state;
  }

  attach(peripheral: VirtualPeripheral): void {
    this.#peripheral = peripheral;
  }

  #onWrite(value: Uint8Array): number | undefined {
    if (!this.#peripheral?.isSubscribed(CONTROL_POINT)) return NOT_CONFIGURED;
    try {
      const request = decodeCgmControlPoint(value);
      if (request.crcValid !== true) return request.crcValid === null ? MISSING_CRC : INVALID_CRC;
      const answer = encodeCgmControlPoint({ ...this.#answer(request), crc: 'compute' });
      queueMicrotask(() => void this.#peripheral?.send(CONTROL_POINT, answer));
      return undefined;
    } catch (error) {
      if (isFault(error)) return OUT_OF_RANGE;
      throw error;
    }
  }

  #answer(request: CgmControlPoint): CgmOperation {
    const state = this.#state;
    const respond = (responseCode: number): CgmOperation => ({
      opCode: 28,
      requestOpCode: request.opCode,
      responseCode,
    });
    switch (request.opCode) {
      case 1:
        state.intervalMin = request.intervalMin;
        return respond(SUCCESS);
      case 2:
        return { opCode: 3, intervalMin: state.intervalMin };
      case 26:
        state.session = { startedAt: undefined, tzMin: null, dstMin: null };
        state.offsetMin = 0;
        state.timeSyncRequired = true;
        return respond(SUCCESS);
      case 27:
        state.intervalMin = 0;
        return respond(SUCCESS);
      default:
        return respond(UNSUPPORTED);
    }
  }
}
