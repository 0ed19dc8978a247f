/** Why a pairing did not come about: a code for the wire, and what to do about it for people. */
import { diagnose } from './devices/pairing-doctor.ts';
import type { DeviceProfile } from './devices/policies.ts';
import { SECURITY_FAILURES, type SecurityFailure } from './devices/security-failure.ts';

/** What can go wrong around securing the link. */
const OTHER_FAILURES = [
  /** It was not heard in time. */
  'not-heard',
  /** It was heard, and no link came about or it ended at once. */
  'no-link',
  /** The first link was good, and it did not come back. */
  'not-again',
  /** It is linked and says nothing. */
  'no-reading',
  /** It is linked, and tells nothing that it measures in a way that we know. */
  'no-standard-data',
  /** It speaks for another patient already. */
  'taken',
] as const;

export const PAIRING_FAILURES = [...SECURITY_FAILURES, ...OTHER_FAILURES] as const;

export type PairingFailure = (typeof PAIRING_FAILURES)[number];

const WORDS = {
  'not-again': 'The first connection worked, and then the device did not come back. Take one more measurement with it.',
  'no-reading': 'The device is connected and has not measured anything yet. Take a measurement now.',
  taken: 'The gateway did not take this device. Look around again and choose from what it finds.',
} as const;

/** What happened, and what helps, in the order to try; one sentence or two each. */
export function explainPairingFailure(failure: PairingFailure, profile: DeviceProfile): readonly string[] {
  switch (failure) {
    case 'not-heard':
      return sentences(profile, 'never-heard');
    case 'no-link':
      return sentences(profile, 'not-connectable');
    case 'not-again':
      // It was there, and has one link at a time: somebody else may have it now.
      return profile.behaviors.includes('single-central')
        ? sentences(profile, 'in-use-elsewhere')
        : [WORDS[failure], ...profile.advice];
    case 'no-reading':
      return [WORDS[failure], ...profile.advice];
    case 'taken':
      return [WORDS.taken];
    default:
      return sentences(profile, failure);
  }
}

function sentences(
  profile: DeviceProfile,
  symptom: SecurityFailure | 'never-heard' | 'not-connectable' | 'in-use-elsewhere' | 'no-standard-data',
): string[] {
  const { happened, steps } = diagnose(profile, symptom);
  return [happened, ...steps];
}
