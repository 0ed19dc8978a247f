/**
 * User Data service 181C (UDS) of a scale: users are registered with a consent code of their own, and one who consents
 * opens the scale's memory of that user for this connection.
 */
import {
  decodeUserControlPoint,
  encodeDatabaseChangeIncrement,
  encodeUserControlPoint,
  type UserControlPoint,
} from '../../protocol/gatt/user-data.ts';
import type { ServiceDeclaration } from '../hci/gatt-database.ts';
import type { VirtualPeripheral } from '../hci/virtual-peripheral.ts';

const USER_CONTROL_POINT = 0x2a9f;
const SUCCESS = 1;
const NOT_SUPPORTED = 2;
const FAILED = 4;
const NOT_AUTHORIZED = 5;
/** CCCD Improperly Configured (Core Specification Supplement, Part B). */
const NOT_CONFIGURED = 0xfd;

export interface UserDataOptions {
  /** Consent codes of users that are there already, by index. */
  readonly users?: ReadonlyMap<number, number>;
  /** Registering has to be allowed on the scale itself; it is, by default. */
  readonly mayRegister?: boolean;
  readonly canList?: boolean;
}

export class UserData {
  readonly declaration: ServiceDeclaration;
  readonly #options: UserDataOptions;
  readonly #codes: Map<number, number>;
  readonly #onConsent: (user: number) => void;
  #peripheral: VirtualPeripheral | undefined;
  #consented: number | undefined;

  /** `onConsent`: a user has consented on the present connection. */
  constructor(options: UserDataOptions, onConsent: (user: number) => void) {
    this.#options = options;
    this.#codes = new Map(options.users);
    this.#onConsent = onConsent;
    this.declaration = {
      uuid: 0x181c,
      characteristics: [
        { uuid: USER_CONTROL_POINT, properties: ['write', 'indicate'], onWrite: (value) => this.#take(value) },
        { uuid: 0x2a99, properties: ['read', 'notify'], value: encodeDatabaseChangeIncrement({ increment: 1 }) },
      ],
    };
  }

  /** The device that has the service. */
  attach(peripheral: VirtualPeripheral): void {
    this.#peripheral = peripheral;
    peripheral.on('disconnect', () => {
      this.#consented = undefined;
    });
  }

  /** Who consented on the present connection. */
  get consented(): number | undefined {
    return this.#consented;
  }

  /** Indices of all users. */
  get users(): number[] {
    return [...this.#codes.keys()];
  }

  #take(value: Uint8Array): number | undefined {
    if (!this.#peripheral?.isSubscribed(USER_CONTROL_POINT)) return NOT_CONFIGURED;
    const request = decodeUserControlPoint(value);
    const { code, parameter, consents } = this.#answer(request);
    const result = {
      opCode: 32 as const,
      requestOpCode: request.opCode,
      responseCode: code,
      parameter: Uint8Array.from(parameter),
      userIndex: null,
    };
    // After the response to the write, as a device does it.
    setImmediate(() => {
      void this.#peripheral?.send(USER_CONTROL_POINT, encodeUserControlPoint(result)).then((confirmed) => {
        if (confirmed && consents !== undefined) this.#onConsent(consents);
      });
    });
    return undefined;
  }

  #answer(request: UserControlPoint): { code: number; parameter: readonly number[]; consents?: number } {
    const { mayRegister = true, canList = false } = this.#options;
    switch (request.opCode) {
      case 1: {
        if (!mayRegister) return { code: FAILED, parameter: [] };
        const index = Math.max(0, ...this.#codes.keys()) + 1;
        this.#codes.set(index, request.consentCode);
        return { code: SUCCESS, parameter: [index] };
      }
      case 2: {
        if (this.#codes.get(request.userIndex) !== request.consentCode) return { code: NOT_AUTHORIZED, parameter: [] };
        this.#consented = request.userIndex;
        return { code: SUCCESS, parameter: [], consents: request.userIndex };
      }
      case 4:
        return canList ? { code: SUCCESS, parameter: this.users } : { code: NOT_SUPPORTED, parameter: [] };
      case 5:
        return { code: this.#codes.delete(request.userIndex) ? SUCCESS : FAILED, parameter: [] };
      default:
        return { code: NOT_SUPPORTED, parameter: [] };
    }
  }
}
