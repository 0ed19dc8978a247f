/**
 * Evidence that a contract on an EVM chain holds the root of our log at a size (docs/format.md §8.2): a block header and
 * two trie proofs, checked without asking anybody. What is left to believe is that the block is one of the chain.
 */
import { keccak_256 } from '@noble/hashes/sha3.js';
import { concatBytes, decodeHex, encodeBase64Url, encodeHex, equalBytes } from './bytes.ts';
import { Fault } from './fault.ts';
import { HASH_LENGTH } from './merkle.ts';
import { provenValue } from './patricia.ts';
import { asRlpList, asRlpNumber, asRlpOctets, decodeRlp } from './rlp.ts';
import { asOctets, asOctetsList, asText, asWhole, members, parseJson } from './strict-json.ts';
import type { Instant } from './time.ts';

export const EVM_EVIDENCE_FORMAT = 'veravita/anchor-evm@v1';

/** 16^64 keys: no proof has more nodes. */
const MAX_NODES = 64;

const ADDRESS_LENGTH = 20;

/** 9999-12-31T23:59:59Z, the last that RFC 3339 can write. */
const LAST_SECOND = 253_402_300_799;

/** See the file comment. */
export interface EvmEvidence {
  /** EIP-155 id of the chain. */
  readonly chainId: number;
  /** Address of the contract, 20 octets. */
  readonly contract: Uint8Array;
  /** Size and root of the log's tree that are anchored. */
  readonly size: number;
  readonly root: Uint8Array;
  /** RLP of the header as the chain hashes it. */
  readonly header: Uint8Array;
  /** Trie nodes from the header's state root to the contract's account. */
  readonly accountProof: readonly Uint8Array[];
  /** Trie nodes from the account's storage root to the slot of the size. */
  readonly storageProof: readonly Uint8Array[];
  /** Hash of the transaction, where one looks it up; nothing rests on it. */
  readonly transaction?: Uint8Array;
}

/** The block that evidence ends in. */
export interface EvmBlock {
  /** Keccak-256 of the header. */
  readonly hash: Uint8Array;
  readonly number: number;
  /** The chain's clock, of seconds. */
  readonly at: Instant;
}

/** Hash of a block: Keccak-256 of its header. */
export function hashHeader(header: Uint8Array): Uint8Array {
  return keccak_256(header);
}

/** Storage slot of `rootAt[size]`: the mapping is the contract's first variable. */
export function rootSlot(size: number): Uint8Array {
  return keccak_256(concatBytes(uint256(size), uint256(0)));
}

function uint256(value: number): Uint8Array {
  const bytes = new Uint8Array(32);
  new DataView(bytes.buffer).setBigUint64(24, BigInt(value));
  return bytes;
}

/** Throws `inconsistent`, or another Fault for octets that are no header or no trie. */
export function verifyEvmEvidence(evidence: EvmEvidence): EvmBlock {
  const { contract, size, root, header, accountProof, storageProof } = evidence;
  const { stateRoot, ...block } = readHeaderRlp(header);
  const account = asRlpList(decodeRlp(provenValue(stateRoot, contract, accountProof)), 4);
  const storageRoot = asRlpOctets(account[2]); // nonce, balance, storage root, code hash
  const value = asRlpOctets(decodeRlp(provenValue(storageRoot, rootSlot(size), storageProof)));
  // The trie keeps a number without its leading zero octets.
  if (value.length > HASH_LENGTH || value[0] === 0) throw new Fault('malformed', 'not a word of storage');
  const word = concatBytes(new Uint8Array(HASH_LENGTH - value.length), value);
  if (!equalBytes(word, root)) throw new Fault('inconsistent', 'the contract holds another root');
  return block;
}

/** Yellow Paper §4.4.3: the state root is the fourth field, number the ninth, time the twelfth; forks append further. */
function readHeaderRlp(header: Uint8Array): EvmBlock & { readonly stateRoot: Uint8Array } {
  const fields = asRlpList(decodeRlp(header), 15);
  const seconds = asRlpNumber(fields[11]);
  if (seconds > LAST_SECOND) throw new Fault('malformed', 'a time outside the calendar');
  return {
    hash: hashHeader(header),
    stateRoot: asRlpOctets(fields[3]),
    number: asRlpNumber(fields[8]),
    at: (seconds * 1000) as Instant,
  };
}

/** Plain JSON of the evidence; binary parts are unpadded base64url, address and transaction hex as chains write them. */
export function evidenceToJson(evidence: EvmEvidence): object {
  const { chainId, contract, size, root, header, accountProof, storageProof, transaction } = evidence;
  return {
    format: EVM_EVIDENCE_FORMAT,
    chainId,
    contract: `0x${encodeHex(contract)}`,
    size,
    root: encodeBase64Url(root),
    header: encodeBase64Url(header),
    accountProof: accountProof.map(encodeBase64Url),
    storageProof: storageProof.map(encodeBase64Url),
    ...(transaction && { transaction: `0x${encodeHex(transaction)}` }),
  };
}

const MEMBERS = ['format', 'chainId', 'contract', 'size', 'root', 'header', 'accountProof', 'storageProof'];

/** Reverse of {@link evidenceToJson}. Throws `malformed`, and `version` for another format. */
export function evidenceFromJson(value: unknown): EvmEvidence {
  const json = members(value, MEMBERS, ['transaction']);
  if (json.format !== EVM_EVIDENCE_FORMAT) throw new Fault('version', 'not evidence of this format');
  return {
    chainId: asWhole(json.chainId),
    contract: asPrefixedHex(json.contract, ADDRESS_LENGTH),
    size: asWhole(json.size),
    root: asOctets(json.root, HASH_LENGTH),
    header: asOctets(json.header),
    accountProof: asOctetsList(json.accountProof, MAX_NODES),
    storageProof: asOctetsList(json.storageProof, MAX_NODES),
    ...(json.transaction !== undefined && { transaction: asPrefixedHex(json.transaction, HASH_LENGTH) }),
  };
}

/** Text of an evidence file. */
export function encodeEvidence(evidence: EvmEvidence): string {
  return `${JSON.stringify(evidenceToJson(evidence), null, 2)}\n`;
}

/** Throws `malformed`, `too-large`, `version`. */
export function decodeEvidence(text: string): EvmEvidence {
  return evidenceFromJson(parseJson(text));
}

/** `0x` and lower- or upper-case hex of so many octets. Throws `malformed`. */
export function asPrefixedHex(value: unknown, length: number): Uint8Array {
  const text = asText(value);
  if (!new RegExp(`^0x[0-9a-fA-F]{${2 * length}}$`).test(text)) throw new Fault('malformed', 'not hex of that length');
  return decodeHex(text.slice(2));
}
