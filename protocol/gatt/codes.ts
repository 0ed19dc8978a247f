/** Lists of codes, number -> name, in which a code that is missing is reserved by the standard. */
import { Fault } from '../fault.ts';

/** Names by code, written `{ 1: 'finger', 15: 'na' } as const`. */
export type Codes<Name extends string> = Readonly<Record<number, Name>>;

/** The names of a list of codes. */
export type NameOf<Table> = Table[keyof Table];

/** The name of a code; `reserved` where the list has none. */
export function nameOfCode<Name extends string>(codes: Codes<Name>, code: number): Name | 'reserved' {
  return codes[code] ?? 'reserved';
}

/** The code of a name. Throws `range` on `reserved`, of which nobody knows the code any more. */
export function codeOfName<Name extends string>(codes: Codes<Name>, name: Name | 'reserved'): number {
  const found = Object.entries(codes).find(([, candidate]) => candidate === name);
  if (!found) throw new Fault('range', 'a reserved code cannot be written');
  return Number(found[0]);
}
