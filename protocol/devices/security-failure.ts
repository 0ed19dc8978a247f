/** Why a link to a device could not be secured, as a closed set that agents report and people are told of. */
export const SECURITY_FAILURES = [
  /** The device does not have the key of the bond any more, or refuses it. */
  'stale-bond',
  /** Policy or the caller does not allow pairing now. */
  'not-allowed',
  /** A passkey is needed and nobody gave one. */
  'no-passkey',
  'wrong-passkey',
  /** A passkey is demanded here, but the device can neither show nor take one. */
  'passkey-impossible',
  /** The device demands more than pairing without a passkey. */
  'needs-authentication',
  /** The device demands LE Secure Connections, which is not supported yet. */
  'needs-secure-connections',
  'needs-out-of-band',
  'key-too-short',
  /** The device does not pair, or not now: out of pairing mode, or bonded with another host. */
  'not-supported',
  'repeated-attempts',
  /** The device broke off for another reason. */
  'refused',
  /** The confirm value was wrong, without a passkey that could have been mistyped. */
  'confirm-failed',
  /** The device sent what is no pairing, or in the wrong order. */
  'malformed',
  /** The controller could not encrypt. */
  'encryption-failed',
  'timeout',
  'disconnected',
] as const;

export type SecurityFailure = (typeof SECURITY_FAILURES)[number];
