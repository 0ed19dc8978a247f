/**
 * Enrolment, once in an agent's life: it proves a one-time code and its key, and the service answers with its own keys,
 * the broker's address and credential, and the devices that this agent may speak for. The answer holds the credential,
 * so it is kept in the key folder.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { decodeBase64Url, encodeBase64Url, encodeUtf8, equalBytes } from '../protocol/bytes.ts';
import { type Signer, toBeSigned } from '../protocol/cose.ts';
import { verifyEd25519 } from '../protocol/ed25519.ts';
import { type Assignment, type EnrolmentAnswer, type EnrolmentRequest, openEnrolment } from '../protocol/enrolment.ts';
import { Fault, isFault } from '../protocol/fault.ts';
import { openKeyEvent } from '../protocol/key-event.ts';
import { decodeId, deviceHandle, thumbprint } from '../protocol/keys.ts';
import type { AssignedDevice } from './observe.ts';
import type { SecretFiles } from './secret-files.ts';
import { type AgentTls, post } from './service-post.ts';

const FILE = 'enrolment.json';
const MAX_DEVICES = 1000;

/** What an enrolled agent knows of its service. */
export interface Enrolled {
  /** Thumbprint of the agent's key under which the service knows it: the enrolled one, or the last one that followed. */
  readonly agent: Uint8Array;
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

/** The stored answer, checked as on the first day. Throws `malformed`, `bad-signature`, `wrong-key`, `encrypted`. */
export function loadEnrolment(files: SecretFiles): Enrolled {
  return checkAnswer(parseJson(files.read(FILE)));
}

/**
 * Puts down that the service knows the agent under its next key: the signed event, and the credential that goes with it.
 * Durable when it returns; the same event again changes nothing.
 */
export function extendEnrolment(files: SecretFiles, keyEvent: string, password: string): void {
  const answer = asRecord(parseJson(files.read(FILE)));
  const keyEvents = Array.isArray(answer.keyEvents) ? answer.keyEvents : [];
  const next = {
    ...answer,
    broker: { ...asRecord(answer.broker), password },
    keyEvents: keyEvents.includes(keyEvent) ? keyEvents : [...keyEvents, keyEvent],
  };
  checkAnswer(next);
  files.write(FILE, `${JSON.stringify(next, null, 2)}\n`);
}

/** Takes a subject's devices out of the stored answer; durable when it returns. `isTheirs` is asked for each subject. */
export function forgetAssigned(files: SecretFiles, isTheirs: (subject: Uint8Array) => boolean): void {
  const answer = asRecord(parseJson(files.read(FILE))) as unknown as EnrolmentAnswer;
  const assignments = answer.assignments.filter(({ subject }) => !isTheirs(decodeId(subject)));
  if (assignments.length === answer.assignments.length) return;
  files.write(FILE, `${JSON.stringify({ ...answer, assignments }, null, 2)}\n`);
}

export interface EnrolOptions {
  readonly files: SecretFiles;
  readonly signer: Signer;
  /** Base URL of the service. */
  readonly serviceUrl: string;
  /** One-time code. */
  readonly code: string;
  readonly tls?: AgentTls;
}

/**
 * Asks the service and stores its answer durably. Throws `unavailable` when the service cannot be reached, `expired`
 * when it refuses the code, `not-permitted` when it refuses otherwise, and what {@link loadEnrolment} throws.
 */
export async function enrol({ files, signer, serviceUrl, code, tls }: EnrolOptions): Promise<Enrolled> {
  const request: EnrolmentRequest = {
    code,
    publicKey: encodeBase64Url(signer.publicKey),
    proof: encodeBase64Url(signer.sign(toBeSigned('enrolment', encodeUtf8(code)))),
  };
  const text = await post(new URL('/agent/enrolment', serviceUrl), request, tls);
  const answer = parseJson(text);
  const enrolled = checkAnswer(answer);
  if (!equalBytes(enrolled.agent, thumbprint(signer.publicKey))) {
    throw new Fault('wrong-key', 'the enrolment is of another key');
  }
  files.write(FILE, `${JSON.stringify(answer, null, 2)}\n`);
  // Durable line: from here the code may be spent.
  return enrolled;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Fault('malformed', 'the enrolment is not JSON');
  }
}

/** Everything that is used later is checked here. */
function checkAnswer(answer: unknown): Enrolled {
  const { enrolment, servicePublicKey, hpkePublicKey, broker, assignments, keyEvents } = asRecord(answer) as Partial<
    Record<keyof EnrolmentAnswer | 'keyEvents', unknown>
  >;
  const serviceKey = bytesOf(servicePublicKey, 32);
  const statement = openEnrolment(bytesOf(enrolment), serviceKey, verifyEd25519);
  let agent = thumbprint(statement.agentKey);
  for (const signed of Array.isArray(keyEvents) ? keyEvents : []) {
    const event = openKeyEvent(bytesOf(signed), serviceKey, verifyEd25519);
    if (event.type !== 'rotation' || !equalBytes(event.agent, agent)) {
      throw new Fault('wrong-key', 'the key events of the enrolment do not follow one another');
    }
    agent = thumbprint(event.rotation.newKey);
  }
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
    agent,
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
