/** The key and the memory of a witness: which of them may be created, and when. */
import { existsSync } from 'node:fs';
import { type Cosigner, cosignerOf, encodeWitnessKey } from '../../protocol/cosignature.ts';
import { openWithSeed, writeDurably } from '../seed-file.ts';
import { openWitnessState, type WitnessState } from './witness-state.ts';

export interface KeyedWitnessConfig {
  readonly keyPath: string;
  readonly vkeyPath: string;
  readonly statePath: string;
  readonly name: string;
  /** 32 random octets, for the first start. */
  readonly newSeed: () => Uint8Array;
}

export interface KeyedWitness {
  readonly cosigner: Cosigner;
  readonly state: WitnessState;
}

/**
 * Opens both, or makes both. A key without its state has forgotten what it cosigned, a state without its key cannot go on:
 * either is `missing`. Throws what {@link openWithSeed} and {@link openWitnessState} throw.
 */
export async function openKeyedWitness(config: KeyedWitnessConfig): Promise<KeyedWitness> {
  const { keyPath, vkeyPath, statePath, name, newSeed } = config;
  const isUsed = () => existsSync(statePath);
  const opened = await openWithSeed({ path: keyPath, isUsed, newSeed }, (seed, create) => {
    const cosigner = cosignerOf(name, seed);
    return { cosigner, state: openWitnessState(statePath, encodeWitnessKey(cosigner), create) };
  });
  writeDurably(vkeyPath, encodeWitnessKey(opened.cosigner), 0o644);
  return opened;
}
