/** The secret of a sign-in link. It travels in the fragment, which browsers never send. */
import { decodeBase64Url } from '../../protocol/bytes.ts';

/** 32 octets of `#s=...`; `undefined` for anything else. */
export function secretOf(fragment: string): Uint8Array<ArrayBuffer> | undefined {
  const text = /^#s=([A-Za-z0-9_-]{43})$/.exec(fragment)?.[1];
  if (text === undefined) return undefined;
  try {
    return new Uint8Array(decodeBase64Url(text));
  } catch {
    return undefined; // spare bits set: not what the service printed
  }
}

/** Takes the secret out of the address bar, so that it is in no history, bookmark or screenshot. */
export function takeLinkSecret(): Uint8Array<ArrayBuffer> | undefined {
  const secret = secretOf(location.hash);
  if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search);
  return secret;
}
