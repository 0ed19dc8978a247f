/**
 * What is done when: one head after the other into the contract, through an endpoint that is trusted no further than it
 * must be. A head counts as anchored when a proof of the contract's storage, checked against the header of a final block
 * as a stranger would, shows it. Receipts only tell whether to wait or to send again.
 */
import { type EvmEvidence, encodeEvidence, rootSlot, verifyEvmEvidence } from '../../protocol/anchor-evidence.ts';
import { encodeHex, equalBytes } from '../../protocol/bytes.ts';
import { Fault, isFault } from '../../protocol/fault.ts';
import type { Anchor, AnchorCounters, Anchored, AnchorHead } from '../anchor.ts';
import type { AnchorEvmState, Attempt, Target } from '../anchor-evm-state.ts';
import { headerOf, type RpcBlock } from './block-header.ts';
import { asAmount, asData, askGas, askNonce, askPrice, checkChainId, type EvmChain } from './evm-chain.ts';
import { examineAnchored } from './reorganization.ts';

/** Blocks on top of a block that make it final, or the chain's own word for it. */
export type Finality = number | 'finalized';

export interface EvmAnchorConfig {
  readonly url: string;
  /** A second endpoint, which must know the same final blocks. */
  readonly checkUrl?: string;
  readonly chainId: number;
  /** Address of the contract, 20 octets. */
  readonly contract: Uint8Array;
  /** secp256k1 key of the contract's writer, 32 octets. */
  readonly key: Uint8Array;
  readonly finality: Finality;
  /** Most wei for a unit of gas. */
  readonly maxFee: bigint;
  readonly clock: () => number;
  /** A transaction that is in no block after so long is replaced; 180,000 ms by default. */
  readonly stuckMs?: number;
  /** So long a single endpoint must say that a final block is gone before it is believed; 3,600,000 ms by default. */
  readonly doubtMs?: number;
  readonly timeoutMs?: number;
}

interface RpcProof {
  readonly accountProof: readonly unknown[];
  readonly storageProof: readonly { readonly value: unknown; readonly proof: readonly unknown[] }[];
}

interface RpcReceipt {
  readonly blockHash: string;
  readonly status: unknown;
}

export class EvmAnchor implements Anchor {
  readonly name: string;
  readonly #config: EvmAnchorConfig;
  readonly #chain: EvmChain;
  readonly #state: AnchorEvmState;
  readonly #contract: string;
  readonly #counters = { sent: 0, resent: 0, replaced: 0, contradictions: 0, takenBack: 0 };
  #codeChecked = false;

  constructor(config: EvmAnchorConfig, chain: EvmChain, state: AnchorEvmState) {
    this.name = `evm-${config.chainId}`;
    this.#config = config;
    this.#chain = chain;
    this.#state = state;
    this.#contract = `0x${encodeHex(config.contract)}`;
  }

  get anchored() {
    return this.#state.anchored();
  }

  get pending() {
    return this.#state.target()?.size;
  }

  get counters(): AnchorCounters {
    return { ...this.#counters };
  }

  close(): void {
    this.#chain.close();
    this.#state.close();
  }

  async submit(head: AnchorHead): Promise<void> {
    if (head.size === 0 || this.#state.target()) return;
    await this.#checkChain();
    const last = await this.#lastSize();
    const final = await this.#examine(last);
    if (last > head.size) throw new Fault('inconsistent', 'the chain holds a larger tree than the log');
    if (final && final.size > head.size) throw new Fault('inconsistent', 'a larger tree than the log was anchored');
    if (last > 0 && !equalBytes(await this.#rootAt(last), await head.rootAt(last))) {
      throw new Fault('inconsistent', 'the chain holds another history than the log');
    }
    const target = { size: head.size, root: head.root };
    if (last === head.size) {
      // Sent by a run whose state was lost, or in another block than before.
      if (final?.size !== last || final.isDoubtful) this.#state.begin(target);
      return;
    }
    const proof = last === 0 ? [] : await head.consistencyFrom(last);
    const attempt = await this.#sign(this.#chain.anchorCall(target.size, target.root, proof));
    this.#state.begin(target, attempt);
    // Durable line: from here on this transaction is sent until a block has it.
    this.#counters.sent++;
    await this.#send(attempt);
  }

  async attend(): Promise<void> {
    const target = this.#state.target();
    if (!target) return;
    await this.#checkChain();
    try {
      if (!(await this.#finish(target))) await this.#nurse(target);
    } catch (error) {
      if (isFault(error, 'unavailable')) throw error;
      this.#counters.contradictions++;
      // What is no Fault comes of an answer that has not even the shape of one.
      if (isFault(error)) throw error;
      throw Object.assign(new Fault('inconsistent', 'the endpoint answers with what makes no sense', 'later'), {
        cause: error,
      });
    }
  }

  /** The newest head that was final, after it was asked whether it still is. `held`: size that the contract is said to hold. */
  async #examine(held: number): Promise<Anchored | undefined> {
    const anchored = this.#state.anchored();
    if (!anchored || anchored.isDoubtful) return anchored;
    const { clock, doubtMs = 3_600_000 } = this.#config;
    try {
      await examineAnchored({ chain: this.#chain, state: this.#state, clock, doubtMs }, anchored, held);
    } catch (error) {
      if (isFault(error, 'inconsistent')) this.#counters.contradictions++;
      throw error;
    }
    const now = this.#state.anchored();
    if (now?.isDoubtful) this.#counters.takenBack++;
    return now;
  }

  async #checkChain(): Promise<void> {
    await checkChainId(this.#chain, this.#config.chainId);
    if (this.#codeChecked) return;
    if ((await this.#chain.ask('eth_getCode', this.#contract, 'latest')) !== this.#chain.deployedCode) {
      throw new Fault('wrong-key', 'at the address is not the contract', 'later');
    }
    this.#codeChecked = true;
  }

  /** True when a final block shows the head. Throws when what the endpoint says of it does not hold. */
  async #finish({ size, root }: Target): Promise<boolean> {
    const block = await this.#finalBlock();
    if (!block) return false;
    const slot = `0x${encodeHex(rootSlot(size))}`;
    const proof = (await this.#chain.ask('eth_getProof', this.#contract, [slot], block.number)) as RpcProof;
    const [storage] = proof.storageProof;
    if (!storage || asAmount(storage.value) === 0n) return false;
    const { chainId, contract } = this.#config;
    const evidence: EvmEvidence = {
      chainId,
      contract,
      size,
      root,
      header: headerOf(block),
      accountProof: proof.accountProof.map(asData),
      storageProof: storage.proof.map(asData),
      ...(await this.#transaction()),
    };
    verifyEvmEvidence(evidence);
    await this.#askSecond(block);
    this.#state.finish({ size, root, evidence: encodeEvidence(evidence) });
    return true;
  }

  async #finalBlock(): Promise<RpcBlock | undefined> {
    const { finality } = this.#config;
    if (finality === 'finalized') return this.#block('finalized');
    const number = Number(asAmount(await this.#chain.ask('eth_blockNumber'))) - finality;
    return number < 0 ? undefined : this.#block(`0x${number.toString(16)}`);
  }

  async #block(which: string): Promise<RpcBlock | undefined> {
    return ((await this.#chain.ask('eth_getBlockByNumber', which, false)) as RpcBlock | null) ?? undefined;
  }

  async #askSecond({ number, hash }: RpcBlock): Promise<void> {
    if (!this.#chain.askSecond) return;
    const other = (await this.#chain.askSecond('eth_getBlockByNumber', number, false)) as RpcBlock | null;
    if (!other) throw new Fault('unavailable', 'the second endpoint does not know the block yet', 'later');
    if (other.hash !== hash) throw new Fault('inconsistent', 'the second endpoint knows another final block', 'later');
  }

  /** The attempt that is in a block, for whoever wants to look it up. */
  async #transaction(): Promise<{ transaction: Uint8Array } | undefined> {
    for (const { hash } of this.#state.attempts()) {
      if (await this.#chain.ask('eth_getTransactionReceipt', hash)) return { transaction: asData(hash) };
    }
    return undefined;
  }

  /** Waits for a transaction that is in a block; sends again or replaces one that is in none. */
  async #nurse({ size }: Target): Promise<void> {
    const attempts = this.#state.attempts();
    const [newest] = attempts;
    if (!newest) {
      // Found on the chain rather than sent; when it is gone from there, the next head goes in its place.
      if ((await this.#lastSize()) < size) this.#state.drop();
      return;
    }
    for (const { hash } of attempts) {
      const receipt = (await this.#chain.ask('eth_getTransactionReceipt', hash)) as RpcReceipt | null;
      if (!receipt || !(await this.#isIn(hash, receipt))) continue;
      if (asAmount(receipt.status) === 1n) return;
      this.#state.drop();
      throw new Fault('inconsistent', 'the contract refused the head', 'later');
    }
    if (this.#config.clock() - newest.at >= (this.#config.stuckMs ?? 180_000)) return this.#replace(newest);
    if (await this.#chain.ask('eth_getTransactionByHash', newest.hash)) return;
    this.#counters.resent++;
    await this.#send(newest);
  }

  /** True when the receipt's block is one of the chain and has the transaction; a receipt of no such block is invented. */
  async #isIn(hash: string, { blockHash }: RpcReceipt): Promise<boolean> {
    const block = (await this.#chain.ask('eth_getBlockByHash', blockHash, false)) as RpcBlock | null;
    if (!block || block.hash !== blockHash || !block.transactions.includes(hash)) {
      throw new Fault('inconsistent', 'a receipt of a block that does not have the transaction', 'later');
    }
    headerOf(block);
    return (await this.#block(block.number))?.hash === blockHash; // else it was reorganized away
  }

  /** The same call, with the nonce that is next now (another was used, or is missing) or with more to pay. */
  async #replace(stuck: Attempt): Promise<void> {
    const [nonce, price] = await Promise.all([askNonce(this.#chain), askPrice(this.#chain)]);
    // A replacement must pay more; nodes ask for a tenth.
    const raise = (now: bigint, before: bigint) => {
      const more = nonce === stuck.nonce ? before + before / 4n : 0n;
      return now > more ? now : more;
    };
    const fee = raise(price.fee, stuck.fee);
    const tip = raise(price.tip, stuck.tip);
    const tooMuch = fee > this.#config.maxFee;
    if (tooMuch || (nonce === stuck.nonce && fee === stuck.fee)) {
      await this.#send(stuck);
      if (tooMuch) throw new Fault('unavailable', 'the chain asks for a higher fee than is allowed', 'later');
      return;
    }
    const signed = await this.#chain.sign({ ...this.#chain.parse(stuck.raw), nonce, fee, tip, legacy: price.legacy });
    const attempt = { ...signed, nonce, fee, tip, at: this.#config.clock() };
    this.#state.add(attempt);
    this.#counters.replaced++;
    await this.#send(attempt);
  }

  async #sign(data: string): Promise<Attempt> {
    const [nonce, price] = await Promise.all([askNonce(this.#chain), askPrice(this.#chain)]);
    if (price.fee > this.#config.maxFee) {
      throw new Fault('unavailable', 'the chain asks for a higher fee than is allowed', 'later');
    }
    const gas = await askGas(this.#chain, { to: this.#contract, data });
    const signed = await this.#chain.sign({ to: this.#contract, data, gas, nonce, ...price });
    return { ...signed, nonce, fee: price.fee, tip: price.tip, at: this.#config.clock() };
  }

  /** A node that has it already says so with an error, in words of its own. */
  async #send({ raw }: Attempt): Promise<void> {
    await this.#chain.ask('eth_sendRawTransaction', raw).catch((error: unknown) => {
      const said = String((error as { cause?: { details?: unknown } }).cause?.details ?? '');
      if (!/already (?:known|imported)|known transaction/i.test(said)) throw error;
    });
  }

  async #lastSize(): Promise<number> {
    return Number(asAmount(await this.#call(this.#chain.sizeCall())));
  }

  #rootAt(size: number): Promise<Uint8Array> {
    return this.#call(this.#chain.rootAtCall(size)).then(asData);
  }

  #call(data: string): Promise<unknown> {
    return this.#chain.ask('eth_call', { to: this.#contract, data }, 'latest');
  }
}
