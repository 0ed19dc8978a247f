/**
 * The users of a device (User Data service 181C): they register, consent on each link anew, and are deleted through the
 * User Control Point 2A9F. The list of all users is answered as not supported, as by devices of UDS 1.0.
 */

import { isFault } from '../../protocol/fault.ts';
import {
  decodeUserControlPoint,
  encodeDatabaseChangeIncrement,
  encodeUserControlPoint,
  encodeUserIndex,
  type UserControlPoint,
} from '../../protocol/gatt/user-data.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';

export const USER_CONTROL_POINT = 0x2a9f;
/** 2A9A of a link on which nobody consented. */
const UNKNOWN_USER = 0xff;
const MAX_CONSENT_CODE = 9999;

/** ATT errors: Client Characteristic Configuration not set, procedure under way (Core Specification Supplement Part B). */
const NOT_CONFIGURED = 0xfd;
const IN_PROGRESS = 0xfe;

/** How a request ended (UDS User Control Point). */
const SUCCESS = 1;
const NOT_SUPPORTED = 2;
const INVALID_PARAMETER = 3;
const FAILED = 4;
const NOT_AUTHORIZED = 5;

export interface UserDataOptions {
  /** Consent codes of the users that there are, by index. */
  readonly users?: Readonly<Record<number, number>>;
  /** Most users; 4 by default. */
  readonly most?: number;
}

interface Outcome {
  readonly responseCode: number;
  readonly parameter?: Uint8Array;
}

export class UserDataServer {
  readonly #codes: Map<number, number>;
  readonly #most: number;
  #peripheral: VirtualPeripheral | undefined;
  #consented: number | undefined;
  #busy = false;
  #onConsent: (user: number) => void = () => undefined;
  #onDelete: (user: number) => void = () => undefined;

  constructor({ users = {}, most = 4 }: UserDataOptions = {}) {
    this.#codes = new Map(Object.entries(users).map(([user, code]) => [Number(user), code]));
    this.#most = most;
  }

  get declaration(): ServiceDeclaration {
    return {
      uuid: 0x181c,
      characteristics: [
        { uuid: 0x2a99, properties: ['read', 'write'], value: encodeDatabaseChangeIncrement({ increment: 0 }) },
        {
          uuid: 0x2a9a,
          properties: ['read'],
          value: () => encodeUserIndex({ userIndex: this.#consented ?? UNKNOWN_USER }),
        },
        { uuid: USER_CONTROL_POINT, properties: ['write', 'indicate'], onWrite: (value) => this.#onWrite(value) },
      ],
    };
  }

  /** Who consented on the present link. */
  get consented(): number | undefined {
    return this.#consented;
  }

  get users(): readonly number[] {
    return [...this.#codes.keys()];
  }

  /** To be called once the peripheral exists that the declaration went into. */
  attach(
    peripheral: VirtualPeripheral,
    on: { readonly consent: (user: number) => void; readonly deletion: (user: number) => void },
  ): void {
    this.#peripheral = peripheral;
    this.#onConsent = on.consent;
    this.#onDelete = on.deletion;
    peripheral.on('disconnect', () => {
      this.#consented = undefined;
      this.#busy = false;
    });
  }

  #onWrite(value: Uint8Array): number | undefined {
    if (!this.#peripheral?.isSubscribed(USER_CONTROL_POINT)) return NOT_CONFIGURED;
    if (this.#busy) return IN_PROGRESS;
    this.#busy = true;
    // After the response to the write, which is sent when this returns.
    queueMicrotask(() => void this.#serve(value));
    return undefined;
  }

  async #serve(value: Uint8Array): Promise<void> {
    const request = decode(value);
    const outcome = typeof request === 'number' ? { responseCode: request } : this.#execute(request);
    const answer = { opCode: 32, requestOpCode: value[0] ?? 0, userIndex: null, parameter: new Uint8Array() } as const;
    const consent = typeof request !== 'number' && request.opCode === 2 && outcome.responseCode === SUCCESS;
    const heard = await this.#peripheral?.send(USER_CONTROL_POINT, encodeUserControlPoint({ ...answer, ...outcome }));
    this.#busy = false;
    if (heard && consent) this.#onConsent(request.userIndex);
  }

  #execute(request: UserControlPoint): Outcome {
    switch (request.opCode) {
      case 1: {
        if (request.consentCode > MAX_CONSENT_CODE) return { responseCode: INVALID_PARAMETER };
        const free = Array.from({ length: this.#most }, (_, i) => i).find((user) => !this.#codes.has(user));
        if (free === undefined) return { responseCode: FAILED };
        this.#codes.set(free, request.consentCode);
        return { responseCode: SUCCESS, parameter: encodeUserIndex({ userIndex: free }) };
      }
      case 2: {
        const code = this.#codes.get(request.userIndex);
        if (code === undefined) return { responseCode: INVALID_PARAMETER };
        if (code !== request.consentCode) return { responseCode: NOT_AUTHORIZED };
        this.#consented = request.userIndex;
        return { responseCode: SUCCESS };
      }
      case 3:
        return this.#delete(this.#consented);
      case 5: {
        if (!this.#codes.has(request.userIndex)) return { responseCode: INVALID_PARAMETER };
        if (request.userIndex !== this.#consented) return { responseCode: NOT_AUTHORIZED };
        const outcome = this.#delete(this.#consented);
        return { ...outcome, parameter: encodeUserIndex({ userIndex: request.userIndex }) };
      }
      default:
        return { responseCode: NOT_SUPPORTED };
    }
  }

  #delete(user: number | undefined): Outcome {
    if (user === undefined) return { responseCode: NOT_AUTHORIZED };
    this.#codes.delete(user);
    this.#consented = undefined;
    this.#onDelete(user);
    return { responseCode: SUCCESS };
  }
}

/** The request, or the response code of one that cannot be read. */
function decode(value: Uint8Array): UserControlPoint | number {
  try {
    return decodeUserControlPoint(value);
  } catch (error) {
    if (isFault(error, 'range')) return NOT_SUPPORTED;
    if (isFault(error)) return INVALID_PARAMETER;
    throw error;
  }
}
