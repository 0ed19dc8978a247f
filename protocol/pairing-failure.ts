/** Why a pairing did not come about: a code for the wire, and what to do about it for people. */

export const PAIRING_FAILURES = [
  /** It was not heard in time. */
  'not-heard',
  /** It was heard, and no link came about or it ended at once. */
  'no-link',
  /** The device shows a passkey and nobody typed it in time. */
  'no-passkey',
  /** The typed digits were not those that it shows. */
  'wrong-passkey',
  /** It refused to pair: not in pairing mode, or bonded to somebody else. */
  'refused',
  /** It has forgotten the bond, or we have: the keys do not fit. */
  'lost-bond',
  /** The first link was good, and it did not come back. */
  'not-again',
  /** It is linked and says nothing. */
  'no-reading',
  /** It speaks for another patient already. */
  'taken',
] as const;

export type PairingFailure = (typeof PAIRING_FAILURES)[number];

const WORDS: Readonly<Record<PairingFailure, string>> = {
  'not-heard':
    'The gateway does not hear the device. Bring it near, switch it on, and wake it by taking a measurement.',
  'no-link':
    'The gateway hears the device but could not connect. It may be talking to another phone or app: end that first.',
  'no-passkey':
    'The device showed six digits and nobody typed them in time. Start again and have its display in sight.',
  'wrong-passkey': 'Those were not the six digits on the display. Start again: the device shows new ones.',
  refused: 'The device refused. Put it into pairing mode, and remove it from phones and apps that it was paired with.',
  'lost-bond':
    'The device and the gateway no longer know each other. Reset the pairing on the device, then start again.',
  'not-again': 'The first connection worked, and then the device did not come back. Take one more measurement with it.',
  'no-reading': 'The device is connected and has not measured anything yet. Take a measurement now.',
  taken: 'The gateway did not take this device. Look around again and choose from what it finds.',
};

/** One sentence or two: what happened, and what helps. */
export function describePairingFailure(failure: PairingFailure): string {
  return WORDS[failure];
}
