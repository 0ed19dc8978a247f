/** The octets that a chain hashes as a block's header, from what its JSON-RPC tells of the block. */
import { hashHeader } from '../../protocol/anchor-evidence.ts';
import { decodeHex, encodeHex } from '../../protocol/bytes.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import { decodeRlp, encodeRlp, type Rlp } from '../../protocol/rlp.ts';

/** Fields in their order, `number` for those that are encoded without leading zeroes; the later ones came with forks. */
const FIELDS: readonly (readonly [name: string, kind: 'octets' | 'number'])[] = [
  ['parentHash', 'octets'],
  ['sha3Uncles', 'octets'],
  ['miner', 'octets'],
  ['stateRoot', 'octets'],
  ['transactionsRoot', 'octets'],
  ['receiptsRoot', 'octets'],
  ['logsBloom', 'octets'],
  ['difficulty', 'number'],
  ['number', 'number'],
  ['gasLimit', 'number'],
  ['gasUsed', 'number'],
  ['timestamp', 'number'],
  ['extraData', 'octets'],
  ['mixHash', 'octets'],
  ['nonce', 'octets'],
  ['baseFeePerGas', 'number'],
  ['withdrawalsRoot', 'octets'],
  ['blobGasUsed', 'number'],
  ['excessBlobGas', 'number'],
  ['parentBeaconBlockRoot', 'octets'],
  ['requestsHash', 'octets'],
];
const FIRST_OF_FORKS = 15;
const EXTRA_DATA = 12;

/** A block as JSON-RPC tells it; only what is looked at is named. */
export interface RpcBlock {
  readonly hash: string;
  readonly number: string;
  readonly transactions: readonly string[];
  readonly baseFeePerGas?: string;
}

/** Throws `inconsistent` when no header of these fields has the hash that the block claims. */
export function headerOf(block: RpcBlock): Uint8Array {
  const json = block as unknown as Readonly<Record<string, unknown>>;
  const fields: Uint8Array[] = [];
  for (const [i, [name, kind]] of FIELDS.entries()) {
    const value = json[name];
    if (value === undefined || value === null) {
      if (i < FIRST_OF_FORKS) throw new Fault('inconsistent', 'a block without a part of its header');
      break;
    }
    fields.push(octetsOf(value, kind));
  }
  for (const header of candidates(fields)) if (`0x${encodeHex(hashHeader(header))}` === block.hash) return header;
  throw new Fault('inconsistent', 'the header of a block does not have its hash');
}

function octetsOf(value: unknown, kind: 'octets' | 'number'): Uint8Array {
  if (typeof value !== 'string' || !/^0x[0-9a-f]*$/i.test(value))
    throw new Fault('inconsistent', 'a header not in hex');
  const digits = value.slice(2);
  const octets = decodeHex(digits.length % 2 === 0 ? digits : `0${digits}`);
  if (kind === 'octets') return octets;
  const first = octets.findIndex((octet) => octet !== 0);
  return first < 0 ? new Uint8Array(0) : octets.slice(first);
}

/**
 * The header as it is, and as the consortium protocols IBFT 2 and QBFT hash it: their validators sign the hash, so their
 * seals (and for QBFT the round) in the extra data are not part of what is hashed.
 */
function* candidates(fields: readonly Uint8Array[]): Generator<Uint8Array> {
  yield encodeRlp(fields);
  for (const extra of withoutSeals(fields[EXTRA_DATA]!)) yield encodeRlp(fields.with(EXTRA_DATA, encodeRlp(extra)));
}

function withoutSeals(extraData: Uint8Array): Rlp[] {
  try {
    const extra = decodeRlp(extraData);
    if (extra instanceof Uint8Array || extra.length !== 5) return [];
    const [vanity, validators, vote, round] = extra as readonly [Rlp, Rlp, Rlp, Rlp, Rlp];
    const zero = new Uint8Array(0);
    return [
      [vanity, validators, vote, zero, []],
      [vanity, validators, vote, round, []],
      [vanity, validators, vote, round],
      [vanity, validators, vote],
    ];
  } catch (error) {
    if (isFault(error)) return [];
    throw error;
  }
}
