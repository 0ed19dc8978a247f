/**
 * Consent of the User Data service (UDS): a scale with several users gives nothing before one of them consents, by an
 * index and a code that it was given when the user was registered. Both are kept, since nobody can read them again.
 */
import { Fault } from '../../protocol/fault.ts';
import {
  decodeUserControlPoint,
  encodeUserControlPoint,
  type UserControlPoint,
} from '../../protocol/gatt/user-data.ts';
import { type Dialog, type Found, findIn } from './dialog.ts';
import { RadioError } from './operations.ts';

const USER_DATA = 0x181c;
const USER_CONTROL_POINT = 0x2a9f;

const REGISTER = 1;
const CONSENT = 2;
const RESULT = 32;
const SUCCESS = 1;
/** Codes have four decimal digits (UDS User Control Point, Consent Code). */
const MAX_CODE = 9999;

/** A user of one device. */
export interface DeviceUser {
  /** 0 to 254, as the device numbers its users. */
  readonly index: number;
  /** 0 to 9999. */
  readonly code: number;
}

/** Users by device address. Durable: a code that is forgotten is a user that is lost. */
export interface DeviceUsers {
  of(device: string): readonly DeviceUser[];
  add(device: string, user: DeviceUser): void;
}

export interface ConsentOptions {
  readonly dialog: Dialog;
  /** Address. */
  readonly device: string;
  readonly users: DeviceUsers;
  /** 0 up to 1. */
  readonly random: () => number;
  /** Longest wait for the device's answer. */
  readonly answerMs: number;
}

/**
 * `given`: a known user consented. `registered`: there was none, so one was made. `refused`: the device accepts neither,
 * because its user has to be chosen there first. `absent`: it has no such control point.
 */
export type ConsentOutcome = 'given' | 'registered' | 'refused' | 'absent';

/** Throws a {@link RadioError} when the link ends or the device does not answer. */
export async function giveConsent(options: ConsentOptions): Promise<ConsentOutcome> {
  const { dialog, device, users, random } = options;
  const point = findIn(dialog.found, USER_CONTROL_POINT, USER_DATA);
  if (!point) return 'absent';
  if (!(await dialog.subscribe(point))) return 'refused';
  const known = users.of(device);
  let given = 0;
  for (const { index, code } of known) {
    const result = await ask(options, point, { opCode: CONSENT, userIndex: index, consentCode: code });
    if (result?.responseCode === SUCCESS) given++;
  }
  if (known.length > 0) return given > 0 ? 'given' : 'refused';
  const code = Math.floor(random() * (MAX_CODE + 1));
  const registered = await ask(options, point, { opCode: REGISTER, consentCode: code });
  if (!registered || registered.userIndex === null) return 'refused';
  users.add(device, { index: registered.userIndex, code });
  // Durable line: the device knows the user, and so do we.
  const result = await ask(options, point, { opCode: CONSENT, userIndex: registered.userIndex, consentCode: code });
  return result?.responseCode === SUCCESS ? 'registered' : 'refused';
}

type Result = Extract<UserControlPoint, { opCode: typeof RESULT }>;

/** The device's answer; undefined where it refused the write. */
async function ask(
  { dialog, answerMs }: ConsentOptions,
  point: Found,
  request: UserControlPoint,
): Promise<Result | undefined> {
  let timer: NodeJS.Timeout | undefined;
  let stop: () => void = () => undefined;
  const answer = new Promise<Result | 'lost' | 'silent'>((resolve) => {
    stop = dialog.listen(({ found, value }) => {
      const result = found === point ? readResult(value) : undefined;
      if (result?.requestOpCode === request.opCode) resolve(result);
    });
    timer = setTimeout(() => resolve('silent'), answerMs);
    void dialog.ended.then(() => resolve('lost'));
  });
  try {
    if ((await dialog.write(point, encodeUserControlPoint(request))) !== undefined) return undefined;
    const result = await answer;
    if (result === 'lost') throw new RadioError('disconnected', 'user consent');
    if (result === 'silent') throw new RadioError('timeout', 'user consent');
    return result;
  } finally {
    clearTimeout(timer);
    stop();
  }
}

function readResult(value: Uint8Array): Result | undefined {
  try {
    const decoded = decodeUserControlPoint(value);
    return decoded.opCode === RESULT ? decoded : undefined;
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}
