/** Consent to collect, asked leaf by leaf: at the gate before anything is kept, and again inside the filing transaction. */
import { equalBytes } from '../../protocol/bytes.ts';
import type { ConsentState } from '../../protocol/consent-chain.ts';
import type { Leaf } from '../../protocol/leaf.ts';
import type { Instant } from '../../protocol/time.ts';
import { vitalSignByMdc } from '../../protocol/vital-signs.ts';
import { decide } from './decide.ts';

/**
 * Coverage holds no measurement, only why there is none; without it a patient could not see the cause of a gap. It is kept
 * once she has ever let us collect from the device, also after she withdrew that or gave the device back.
 */
export function mayKeep(state: ConsentState | undefined, leaf: Leaf, at: Instant, isUnpaired: () => boolean): boolean {
  if (leaf.kind === 'coverage') return everCollectedFrom(state, leaf.device);
  return mayCollect(state, leaf, at) && !isUnpaired();
}

/**
 * Asks anew only where the device is another than that of the leaf before. For one synchronous act, in which no answer can
 * change: a batch has thousands of leaves of few devices.
 */
export function askForEachDevice(ask: (device: Uint8Array) => boolean): (device: Uint8Array) => boolean {
  let before: { readonly device: Uint8Array; readonly answer: boolean } | undefined;
  return (device) => {
    if (!before || !equalBytes(before.device, device)) before = { device, answer: ask(device) };
    return before.answer;
  };
}

function everCollectedFrom(state: ConsentState | undefined, device: Uint8Array): boolean {
  return (state?.grants ?? []).some(
    ({ terms }) => terms.action === 'collect' && (terms.device === undefined || equalBytes(terms.device, device)),
  );
}

/** A reading needs a grant for its class; what describes a device needs any grant in force for that device. */
function mayCollect(state: ConsentState | undefined, leaf: Leaf, at: Instant): boolean {
  if (leaf.kind !== 'reading') return collectsFrom(state, leaf.device, at);
  const { device, vital, measuredAt } = leaf;
  return decide(state, { action: 'collect', device, vitalClass: vitalSignByMdc(vital)?.name, measuredAt, at }).permit;
}

/** Is any grant to collect in force, for this device or, without one, for any? The agent listens only while it is. */
export function collectsFrom(state: ConsentState | undefined, device: Uint8Array | undefined, at: Instant): boolean {
  return (state?.grants ?? []).some(
    ({ terms, revokedAt }) =>
      terms.action === 'collect' &&
      revokedAt === undefined &&
      terms.period.from <= at &&
      (terms.period.to === undefined || at < terms.period.to) &&
      (device === undefined || terms.device === undefined || equalBytes(terms.device, device)),
  );
}
