/** What goes to the log: 32 opaque octets for each signed thing, so that entries cannot be told apart. */
import { sha256 } from '@noble/hashes/sha2.js';
import { encodeCbor } from './cbor.ts';
import { DOMAINS, type Domain } from './domains.ts';

/** SHA-256 over CBOR([commitment domain, domain of the thing, id of the thing]). */
export function commitmentOf(domain: Domain, id: Uint8Array): Uint8Array {
  return sha256(encodeCbor([DOMAINS.commitment, DOMAINS[domain], id]));
}
