/** A checkpoint of ours and the cosignatures on it. Pure. */
import { addSignatures, isOfWitness, readCosignature, type WitnessKey } from '../protocol/cosignature.ts';
import { formatNote, type NoteSignature, parseNote } from '../protocol/signed-note.ts';

/** The note with those lines that are a witness's and valid; a later one of a witness takes the place of its earlier. */
export function takeCosignatures(
  note: string,
  lines: readonly NoteSignature[],
  witnesses: readonly WitnessKey[],
): string {
  const parsed = parseNote(note);
  const valid = lines.filter((line) =>
    witnesses.some((witness) => isOfWitness(line, witness) && readCosignature(parsed.text, line, witness)),
  );
  return valid.length === 0 ? note : addSignatures(parsed, valid);
}

/**
 * A note that was published, without lines of our witnesses that are not valid. Lines of others stay: they may be of
 * witnesses that were asked before the configuration changed.
 */
export function mendCosignatures(note: string, witnesses: readonly WitnessKey[]): string {
  const { text, signatures } = parseNote(note);
  const sound = signatures.filter((line) => {
    const witness = witnesses.find((candidate) => isOfWitness(line, candidate));
    return witness === undefined || readCosignature(text, line, witness) !== undefined;
  });
  return formatNote({ text, signatures: sound });
}

/** True when the witness's cosignature is there; it was checked when it was taken. */
export function hasCosigned(note: string, witness: WitnessKey): boolean {
  return parseNote(note).signatures.some((line) => isOfWitness(line, witness));
}

/** How many of the witnesses cosigned. */
export function countWitnesses(note: string, witnesses: readonly WitnessKey[]): number {
  return witnesses.filter((witness) => hasCosigned(note, witness)).length;
}
