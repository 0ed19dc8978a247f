/**
 * Enrolment, once in an agent's life: it proves a one-time code and its key, and the service answers with its own keys,
 * the broker's address and credential, and the devices that this agent may speak for. The answer holds the credential,
 * so it is kept in the key folder.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBase64Url, encodeBase64Url, encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { type Signer, toBeSigned } from '../protocol/cose.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { type Assignment, type EnrolmentAnswer, type EnrolmentRequest, openEnrolment } from '../protocol/enrolment.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { decodeId, deviceHandle } from '../protocol/keys.ts';
import { writeDurably } from './durable-file.ts';
import type { AssignedDevice } from './observe.ts';

const FILE = 'enrolment.json';
const TIMEOUT_MS = 15_000;
const MAX_DEVICES = 1000;

/** What an enrolled agent knows of its service. */
export interface Enrolled {
  /** Ed25519, 32 octets. */
  readonly serviceKey: Uint8Array;
  /** X25519, 32 octets. */
  readonly hpkeKey: Uint8Array;
  readonly broker: { readonly url: string; readonly password: string };
  /** By address in lower case. */
  readonly devices: ReadonlyMap<string, AssignedDevice>;
}

/** True when the agent was enrolled before. */
export function isEnrolled(keysFolder: string): boolean {
  return existsSync(join(keysFolder, FILE));
}

/** The stored answer, checked as on the first day. Throws `malformed`, `bad-signature`, `wrong-key`. */
export function loadEnrolment(keysFolder: string, publicKey: Uint8Array): Enrolled {
  return checkAnswer(parseJson(readFileSync(join(keysFolder, FILE), 'utf8')), publicKey);
}

/** Takes a subject's devices out of the stored answer; durable when it returns. `isTheirs` is asked for each subject. */
export function forgetAssigned(keysFolder: string, isTheirs: (subject: Uint8Array) => boolean): void {
  const answer = asRecord(parseJson(readFileSync(join(keysFolder, FILE), 'utf8'))) as unknown as EnrolmentAnswer;
  const assignments = answer.assignments.filter(({ subject }) => !isTheirs(decodeId(subject)));
  if (assignments.length === answer.assignments.length) return;
  writeDurably(join(keysFolder, FILE), `${JSON.stringify({ ...answer, assignments }, null, 2)}\n`);
}

export interface EnrolOptions {
  readonly keysFolder: string;
  readonly signer: Signer;
  /** Base URL of the service. */
  readonly serviceUrl: string;
  /** One-time code. */
  readonly code: string;
}

/**
 * Asks the service and stores its answer durably. Throws `unavailable` when the service cannot be reached, `expired`
 * when it refuses the code, `not-permitted` when it refuses otherwise, and what {@link loadEnrolment} throws.
 */
export async function enrol({ keysFolder, signer, serviceUrl, code }: EnrolOptions): Promise<Enrolled> {
  const request: EnrolmentRequest = {
    code,
    publicKey: encodeBase64Url(signer.publicKey),
    proof: encodeBase64Url(signer.sign(toBeSigned('enrolment', encodeUtf8(code)))),
  };
  const text = await post(new URL('/agent/enrolment', serviceUrl), request);
  const answer = parseJson(text);
  const enrolled = checkAnswer(answer, signer.publicKey);
  writeDurably(join(keysFolder, FILE), `${JSON.stringify(answer, null, 2)}\n`);
  // Durable line: from here the code may be spent.
  return enrolled;
}

async function post(url: URL, body: object): Promise<string> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Fault('unavailable', `cannot reach the service at ${url.origin} to enrol`, 'later');
  }
  const text = await response.text();
  if (response.ok) return text;
  if (response.status >= 500) throw new Fault('unavailable', `the service answered ${response.status}`, 'later');
  const reason = refusalOf(text);
  const isSpent = reason === 'expired' || response.status === 410;
  throw new Fault(
    isSpent ? 'expired' : 'not-permitted',
    `the service refused the enrolment (${reason ?? response.status}): ask it for a new code`,
  );
}

/** The fault code of a refusal, if it says one. */
function refusalOf(text: string): string | undefined {
  const code = /"(?:error|code)"\s*:\s*"([a-z-]{1,40})"/.exec(text)?.[1];
  return code;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault('malformed', 'the enrolment is not JSON');
  }
}

/** Everything that is used later is checked here. */
function checkAnswer(answer: unknown, publicKey: Uint8Array): Enrolled {
  const { enrolment, servicePublicKey, hpkePublicKey, broker, assignments } = asRecord(answer) as Partial<
    Record<keyof EnrolmentAnswer, unknown>
  >;
  const serviceKey = bytesOf(servicePublicKey, 32);
  const statement = openEnrolment(bytesOf(enrolment), serviceKey, verifyEd25519);
  if (!equalBytes(statement.agentKey, publicKey)) throw new Fault('wrong-key', 'the enrolment is of another key');
  const { url, password } = asRecord(broker);
  if (typeof url !== 'string' || !/^(mqtts?|wss?):\/\//.test(url) || !URL.canParse(url)) {
    throw new Fault('malformed', 'the enrolment names no MQTT broker');
  }
  if (typeof password !== 'string') throw new Fault('malformed', 'the enrolment has no broker credential');
  if (!Array.isArray(assignments) || assignments.length > MAX_DEVICES) {
    throw new Fault('malformed', 'the enrolment has no list of devices');
  }
  const devices = assignments.map((item) => readAssignment(asRecord(item) as unknown as Assignment));
  return {
    serviceKey,
    hpkeKey: bytesOf(hpkePublicKey, 32),
    broker: { url, password },
    devices: new Map(devices.map((device) => [device.address, device])),
  };
}

function readAssignment({ address, addressType, subject }: Assignment): AssignedDevice {
  if (typeof address !== 'string' || !/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(address)) {
    throw new Fault('malformed', 'an assigned device has no Bluetooth address');
  }
  if ((addressType !== 'public' && addressType !== 'random') || typeof subject !== 'string') {
    throw new Fault('malformed', 'an assigned device is not complete');
  }
  const handle = decodeId(subject);
  return {
    address: address.toLowerCase(),
    addressType,
    subject: handle,
    device: deviceHandle(handle, addressType, address),
  };
}

function asRecord(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Fault('malformed', 'the enrolment is incomplete');
  return value as Record<string, unknown>;
}

function bytesOf(value: unknown, length?: number): Uint8Array {
  try {
    const bytes = decodeBase64Url(value as string);
    if (length === undefined || bytes.length === length) return bytes;
  } catch (error) {
    if (!isFault(error) && typeof value === 'string') throw error;
  }
  throw new Fault('malformed', 'the enrolment has a field that is not base64url of its length');
}
