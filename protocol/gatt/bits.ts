/** Flag words: bit number <-> name, in the order of the standard's table. `null` marks a reserved bit. */

/** Names of the set bits, lowest bit first. Reserved bits have no name and are left out. */
export function namesOfBits<Name extends string>(raw: number, names: readonly (Name | null)[]): Name[] {
  return names.filter((name, bit): name is Name => name !== null && hasBit(raw, bit));
}

/** The word in which exactly the named bits are set. */
export function bitsOfNames<Name extends string>(set: readonly Name[], names: readonly (Name | null)[]): number {
  let raw = 0;
  for (const name of set) raw |= 1 << names.indexOf(name);
  return raw;
}

/** True when the bit (0 = least significant) is set. */
export function hasBit(raw: number, bit: number): boolean {
  return ((raw >>> bit) & 1) === 1;
}
