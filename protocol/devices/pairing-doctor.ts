/**
 * The pairing doctor: from what was seen of a device to words for people: what happened, and what to try, in order. What to
 * press on a device comes from its profile.
 */

import type { DeviceProfile } from './policies.ts';
import type { SecurityFailure } from './security-failure.ts';

/** What an agent has seen of a device that should be heard and is not, or that was noted about its bond. */
export type PairingSymptom =
  | SecurityFailure
  /** It has not been heard at all. */
  | 'never-heard'
  /** It is heard, but takes no connection. */
  | 'not-connectable'
  /** It is linked, and offers or grants nothing that it measures in a way that we know. */
  | 'no-standard-data'
  /** It was heard before and is silent now, as devices are while another phone or gateway has them. */
  | 'in-use-elsewhere'
  /** It gave an identity key of all zeros. */
  | 'zero-irk'
  /** It refuses the key of the link before, again and again. */
  | 'fresh-bond-per-link';

export interface Diagnosis {
  /** One sentence. */
  readonly happened: string;
  /** What to do, in the order to try; empty where there is nothing to do. */
  readonly steps: readonly string[];
  /**
   * `none`: it works all the same. `person`: somebody has to do something at the device. `wait`: it is tried again by
   * itself. `never`: this device cannot be used here.
   */
  readonly remedy: 'none' | 'person' | 'wait' | 'never';
}

const NEAR = 'Bring the device within two metres of the gateway, and see that its battery is not low.';
const OTHERS =
  'Switch off Bluetooth on other phones that know the device, or remove it there: many devices talk to one at a time.';
const PAIRING_MODE = 'Put the device into pairing mode, if it has one.';
const FORGET = 'Delete earlier pairings in the settings of the device, if it has such a setting.';
const RESTART = 'Switch the device off and on again, or take its battery out for a minute.';
const AGAIN = 'Then pair it anew here.';

/** For one symptom. `code`, the reason of SMP or HCI, tells apart what has several causes. */
export function diagnose(profile: DeviceProfile, symptom: PairingSymptom, code?: number): Diagnosis {
  if (profile.unsupported !== undefined) return { happened: profile.unsupported, steps: [], remedy: 'never' };
  const { advice } = profile;
  const ofPasskey = advice.filter(isAboutPasskey);
  const ofPressing = advice.filter((line) => !isAboutPasskey(line));
  /** How to make it ready, in its own words where there are any. */
  const ready = ofPressing.length > 0 ? ofPressing : [PAIRING_MODE];
  const person = (happened: string, ...steps: string[]): Diagnosis => ({
    happened,
    steps: [...new Set(steps)],
    remedy: 'person',
  });
  const name = profile.title;

  switch (symptom) {
    case 'never-heard':
      return person(`${name}: not heard yet.`, ...ready, NEAR, OTHERS);
    case 'not-connectable':
      return person(`${name}: heard, but it takes no connection.`, ...ready, OTHERS, RESTART);
    case 'no-standard-data':
      return {
        happened: profile.behaviors.includes('advertises-unused-service')
          ? `${name}: this model gives its measurements only through its maker's own encrypted protocol, which is not supported.`
          : `${name}: it is connected, but gives no measurement in the standard way, which alone is supported.`,
        steps: [],
        remedy: 'never',
      };
    case 'in-use-elsewhere':
      return person(`${name}: silent, as if another phone or gateway had it.`, OTHERS, ...ready, RESTART);
    case 'stale-bond':
      return person(
        code === 0x3d
          ? `${name}: it has another key than the one that was agreed on.`
          : `${name}: it has forgotten the pairing with this gateway.`,
        ...ready,
        AGAIN,
        FORGET,
      );
    case 'not-allowed':
      return person(
        `${name}: it wants to be paired, and nobody has allowed that yet.`,
        ...ready,
        'Start pairing here.',
      );
    case 'no-passkey':
      return person(
        `${name}: its six digits were needed and nobody entered them in time.`,
        ...ofPasskey,
        ...ready,
        AGAIN,
      );
    case 'wrong-passkey':
      return person(
        `${name}: the six digits were not those of the device.`,
        ...ofPasskey,
        'Enter all six digits, leading zeros too.',
        'If it shows new digits for each pairing, take those that it shows now.',
        AGAIN,
      );
    case 'passkey-impossible':
      return person(
        `${name}: it can neither show nor take a passkey, though one is expected of it.`,
        'See that it is the device that you think it is: another may be near.',
        ...ready,
      );
    case 'needs-authentication':
      return person(
        `${name}: it wants to be paired with six digits.`,
        ...ofPasskey,
        'Pair it where somebody can enter them.',
      );
    case 'needs-secure-connections':
      return {
        happened: `${name}: it needs LE Secure Connections, which is not supported yet.`,
        steps: [],
        remedy: 'never',
      };
    case 'needs-out-of-band':
      return {
        happened: `${name}: it pairs by touch or code only (out of band), which is not supported.`,
        steps: [],
        remedy: 'never',
      };
    case 'key-too-short':
      return { happened: `${name}: its keys are shorter than what is safe.`, steps: [], remedy: 'never' };
    case 'not-supported':
      return person(`${name}: it does not pair now.`, ...ready, OTHERS, FORGET);
    case 'repeated-attempts':
      return {
        happened: `${name}: it was asked too often in a short time and waits.`,
        steps: ['Wait a minute.', RESTART, ...ready],
        remedy: 'person',
      };
    case 'refused':
      return person(`${name}: it broke off the pairing.`, ...ready, FORGET, RESTART);
    case 'confirm-failed':
    case 'malformed':
      return person(`${name}: the pairing went wrong on the air.`, NEAR, RESTART, ...ready);
    case 'encryption-failed':
      return person(`${name}: the link could not be encrypted.`, RESTART, ...ready, FORGET);
    case 'timeout':
      return person(`${name}: it stopped answering while it was paired.`, NEAR, ...ready, RESTART);
    case 'disconnected':
      return code === 0x13
        ? person(`${name}: it hung up while it was paired.`, ...ready, OTHERS, RESTART)
        : { happened: `${name}: the link was lost while it was paired.`, steps: [NEAR, ...ready], remedy: 'wait' };
    case 'zero-irk':
      return {
        happened: `${name}: it gives everybody the same identity, so it is known by its address only.`,
        steps: [],
        remedy: 'none',
      };
    case 'fresh-bond-per-link':
      return {
        happened: `${name}: it keeps no pairing, and is paired anew on each connection.`,
        steps: [],
        remedy: 'none',
      };
  }
}

function isAboutPasskey(line: string): boolean {
  return /passkey|digits|\bcode\b/i.test(line);
}
