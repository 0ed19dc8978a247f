/** AES-256-GCM for what the agent keeps, each ciphertext bound to the row it belongs to. */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, randomBytes } from 'node:crypto';
import { encodeUtf8 } from '../protocol/bytes.ts';
import { Fault } from '../protocol/fault.ts';

const NONCE = 12;
const TAG = 16;

/** Encrypts the rows of one boot: a key per boot keeps random 96-bit nonces far from NIST SP 800-38D §8.3's 2^32. */
export interface RowCipher {
  encrypt(row: number, plaintext: Uint8Array): Uint8Array;
  /** Throws `inconsistent` when the row is not as it was written. */
  decrypt(row: number, sealed: Uint8Array): Uint8Array;
}

/** What a table holds; each has keys of its own. */
export type RowUse = 'pending' | 'held' | 'device users';

/** Cipher for the rows of one table that one boot (16 octets) wrote. */
export function createRowCipher(storageKey: Uint8Array, boot: Uint8Array, use: RowUse = 'pending'): RowCipher {
  // As a key object: node would wrap plain bytes again for every row, at twice the cost of the encryption.
  const key = createSecretKey(new Uint8Array(hkdfSync('sha256', storageKey, boot, `veravita agent ${use}`, 32)));
  const nextNonce = createNonces();
  return {
    encrypt(row, plaintext) {
      const nonce = nextNonce();
      const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
      cipher.setAAD(encodeUtf8(`${use} ${row}`));
      return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    },
    decrypt(row, sealed) {
      if (sealed.length < NONCE + TAG) throw new Fault('inconsistent', 'an encrypted row is too short');
      // Node accepts shorter tags unless told.
      const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE), { authTagLength: TAG });
      decipher.setAAD(encodeUtf8(`${use} ${row}`));
      decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
      try {
        const body = sealed.subarray(NONCE, sealed.length - TAG);
        return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
      } catch {
        throw new Fault('inconsistent', 'an encrypted row does not decrypt');
      }
    },
  };
}

/** Random nonces, drawn many at a time: one system call each would cost more than the encryption. */
function createNonces(): () => Uint8Array {
  let pool = randomBytes(0);
  return () => {
    if (pool.length === 0) pool = randomBytes(NONCE * 256);
    const nonce = pool.subarray(0, NONCE);
    pool = pool.subarray(NONCE);
    return nonce;
  };
}
