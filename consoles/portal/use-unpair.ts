/** Lets a wearable go; the consent that was for it alone ends with it. */
import { decodeBase32 } from '../../protocol/bytes.ts';
import type { Grant } from '../shared/answers.ts';
import type { SignerState } from './open-signer.ts';
import { useChange } from './use-change.ts';
import type { Pairing } from './use-pairing.ts';

export interface UnpairDeps {
  readonly pairing: Pairing;
  readonly grants: readonly Grant[];
  readonly signer: SignerState;
  readonly reload: () => Promise<void>;
}

/** `device`: handle, hex. True once it is let go. */
export function useUnpair({ pairing, grants, signer, reload }: UnpairDeps): (device: string) => Promise<boolean> {
  const { make } = useChange(signer.key, reload);
  return async (device) => {
    if (!(await pairing.wish('unpair', { device }))) return false;
    const own = grants.filter((grant) => grant.device === device && grant.revokedAt === undefined);
    for (const { id } of own) await make({ type: 'revoke', grant: decodeBase32(id) });
    await reload();
    return true;
  };
}
