/** The trust file: keys of the log and the service, chains and witnesses that a reader believes (docs/format.md §8). */
import { asPrefixedHex } from './anchor-evidence.ts';
import { encodeBase64Url, encodeHex } from './bytes.ts';
import { assertDistinctWitnesses, encodeWitnessKey, parseWitnessKey, type WitnessKey } from './cosignature.ts';
import { assertPublicKey } from './ed25519.ts';
import { Fault } from './fault.ts';
import { encodeVerifierKey, type NoteKey, parseVerifierKey } from './signed-note.ts';
import { asList, asOctets, asText, asWhole, members, parseJson } from './strict-json.ts';

export const TRUST_FORMAT = 'veravita/trust@v1';

/** A contract on a chain that the reader trusts to hold heads of the log. */
export interface TrustedChain {
  readonly chainId: number;
  /** 20 octets. */
  readonly contract: Uint8Array;
  /** Hashes of blocks that the reader knows to be of the chain. */
  readonly blocks: readonly Uint8Array[];
}

/** Whom the reader trusts. To be had from somebody else than the party that is being checked. */
export interface Trust {
  /** The log's verifier key; its name is the log's origin. */
  readonly log: NoteKey;
  /** The service's Ed25519 key, which vouches for agents. */
  readonly service: Uint8Array;
  /** Chains on which the log is anchored: the n of *k of n*. */
  readonly chains?: readonly TrustedChain[];
  /** Who else must have seen the log as it is shown; absent: nobody. */
  readonly witnesses?: WitnessPolicy;
}

/** Witnesses that a reader trusts, and how many of them must have cosigned a checkpoint. */
export interface WitnessPolicy {
  /** Different keys, none of them the log's. */
  readonly keys: readonly WitnessKey[];
  /** 1 to the number of keys. */
  readonly quorum: number;
}

/** Most witnesses of a policy; each has a line in the checkpoint. */
const MAX_WITNESSES = 32;

/** Chains of one trust file. */
const MAX_CHAINS = 16;

export function encodeTrust({ log, service, chains, witnesses }: Trust): string {
  const json = {
    format: TRUST_FORMAT,
    log: encodeVerifierKey(log),
    service: encodeBase64Url(service),
    ...(chains && {
      chains: chains.map(({ chainId, contract, blocks }) => ({
        chainId,
        contract: `0x${encodeHex(contract)}`,
        ...(blocks.length > 0 && { blocks: blocks.map((hash) => `0x${encodeHex(hash)}`) }),
      })),
    }),
    ...(witnesses && { witnesses: witnesses.keys.map(encodeWitnessKey), quorum: witnesses.quorum }),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, `version`, `wrong-key`. */
export function decodeTrust(text: string): Trust {
  const json = members(parseJson(text), ['format', 'log', 'service'], ['chains', 'witnesses', 'quorum']);
  if (json.format !== TRUST_FORMAT) throw new Fault('version', 'not a trust file of this format');
  const service = asOctets(json.service);
  assertPublicKey(service);
  const log = parseVerifierKey(asText(json.log));
  const { witnesses, quorum } = json;
  return {
    log,
    service,
    ...(json.chains !== undefined && { chains: asList(json.chains, MAX_CHAINS).map(decodeChain) }),
    ...((witnesses !== undefined || quorum !== undefined) && { witnesses: asWitnessPolicy(witnesses, quorum, log) }),
  };
}

function asWitnessPolicy(witnesses: unknown, quorum: unknown, log: NoteKey): WitnessPolicy {
  if (!Array.isArray(witnesses) || witnesses.length > MAX_WITNESSES) throw new Fault('malformed', 'witnesses');
  const keys = witnesses.map((text) => parseWitnessKey(asText(text)));
  assertDistinctWitnesses(keys, log.publicKey);
  if (!Number.isSafeInteger(quorum) || (quorum as number) < 1 || (quorum as number) > keys.length) {
    throw new Fault('malformed', 'quorum');
  }
  return { keys, quorum: quorum as number };
}

function decodeChain(value: unknown): TrustedChain {
  const { chainId, contract, blocks = [] } = members(value, ['chainId', 'contract'], ['blocks']);
  if (!Array.isArray(blocks)) throw new Fault('malformed', 'blocks are a list');
  return {
    chainId: asWhole(chainId),
    contract: asPrefixedHex(contract, 20),
    blocks: blocks.map((hash) => asPrefixedHex(hash, 32)),
  };
}
