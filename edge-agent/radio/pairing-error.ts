/** Why a link could not be secured, as an error; the pairing doctor has words for each. */
import type { SecurityFailure } from '../../protocol/devices/security-failure.ts';
import { RadioError } from './operations.ts';

/** `code` is the reason of SMP (Core 5.2 Vol 3 Part H §3.5.5) or of HCI (Vol 1 Part F §1.3), where there is one. */
export class PairingError extends RadioError {
  readonly failure: SecurityFailure;

  constructor(failure: SecurityFailure, code?: number) {
    super('pairing', 'secure', code);
    this.name = 'PairingError';
    this.failure = failure;
    const reason = code === undefined ? '' : ` 0x${code.toString(16)}`;
    this.message =
      failure === 'needs-secure-connections'
        ? `secure: needs LE Secure Connections, which is not supported yet${reason}`
        : `secure: ${failure}${reason}`;
  }
}

/** Reasons that Pairing Failed carries (§3.5.5). */
export const SMP_REASON = {
  passkeyEntryFailed: 0x01,
  oobNotAvailable: 0x02,
  authenticationRequirements: 0x03,
  confirmValueFailed: 0x04,
  pairingNotSupported: 0x05,
  encryptionKeySize: 0x06,
  commandNotSupported: 0x07,
  unspecified: 0x08,
  repeatedAttempts: 0x09,
  invalidParameters: 0x0a,
  dhKeyCheckFailed: 0x0b,
} as const;

/**
 * What a Pairing Failed of the device means. `offered`: it could have had a passkey; `used`: one was in use;
 * `secureConnections`: it has said that it speaks LE Secure Connections.
 */
export function failureOf(
  reason: number,
  context: { readonly offered: boolean; readonly used: boolean; readonly secureConnections: boolean },
): SecurityFailure {
  switch (reason) {
    case SMP_REASON.passkeyEntryFailed:
      return 'wrong-passkey';
    case SMP_REASON.oobNotAvailable:
      return 'needs-out-of-band';
    case SMP_REASON.authenticationRequirements:
      // All that legacy pairing has was on offer, so it wants what legacy pairing has not.
      return context.offered || context.secureConnections ? 'needs-secure-connections' : 'needs-authentication';
    case SMP_REASON.confirmValueFailed:
    case SMP_REASON.dhKeyCheckFailed:
      return context.used ? 'wrong-passkey' : 'confirm-failed';
    case SMP_REASON.pairingNotSupported:
      return 'not-supported';
    case SMP_REASON.encryptionKeySize:
      return 'key-too-short';
    case SMP_REASON.repeatedAttempts:
      return 'repeated-attempts';
    default:
      return 'refused';
  }
}
