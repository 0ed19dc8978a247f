/**
 * Checks one receipt step by step, with nothing but the receipt and the keys the reader trusts. Runs the same in the
 * command line, in a browser and offline.
 */
import { type Confirmation, confirmAnchors, sayAnchors } from './anchor-confirmation.ts';
import { leafHash, openHeader, readHeader } from './batch.ts';
import { encodeUtf8, equalBytes } from './bytes.ts';
import { commitmentOf } from './commitment.ts';
import type { Verify } from './cose.ts';
import { openCosignatures } from './cosignature.ts';
import { profileNamed } from './devices/device-profile.ts';
import { verifyEd25519 } from './ed25519.ts';
import { openEnrolment, readEnrolment } from './enrolment.ts';
import { openKeyEvent, readKeyEvent } from './key-event.ts';
import { checkKeyHistory, keysOf } from './key-history.ts';
import { thumbprint } from './keys.ts';
import { decodeLeaf, type ReadingLeaf } from './leaf.ts';
import { verifyInclusion } from './merkle.ts';
import type { Receipt } from './receipt.ts';
import { decodeReceiptFile } from './receipt-file.ts';
import { explainReading } from './recheck.ts';
import { parseNote } from './signed-note.ts';
import type { ReadSupersession } from './supersession.ts';
import { parseTlogProof } from './tlog-proof.ts';
import type { Trust, WitnessPolicy } from './trust.ts';
import { correctionsOf, newestCorrection, sayCorrection } from './verify-correction.ts';
import { checkCheckpoint, checkLogged } from './verify-log.ts';
import { Refusal, reasonOf, Unknown } from './verify-outcome.ts';

/** In this order; each rests on the ones before. `witnesses` comes after them, if the trust file names some. */
export const STEPS = [
  'format',
  'leaf',
  'raw',
  'path',
  'header',
  'enrolment',
  'log',
  'checkpoint',
  'keys',
  'anchors',
] as const;
/** `correction`, the last, only where a correction came with the receipt or beside it. */
export type Step = (typeof STEPS)[number] | 'witnesses' | 'correction';

export interface StepResult {
  readonly step: Step;
  /** `unknown`: it cannot be decided with what is at hand. */
  readonly result: 'holds' | 'fails' | 'unknown';
  /** One sentence for people. */
  readonly says: string;
}

export interface Verdict {
  /**
   * altered: a step fails. not-provable: none fails, but one cannot be decided. superseded: all holds, and the reading was
   * corrected or withdrawn since.
   */
  readonly verdict: 'genuine' | 'superseded' | 'altered' | 'not-provable';
  readonly steps: readonly StepResult[];
  /** What the receipt is about; present when the leaf could be read, and to be believed only if genuine. */
  readonly reading?: ReadingLeaf;
  /** Anchors that hold in themselves; present when all do. */
  readonly anchors?: Confirmation;
  /** What took its place, by whom and why; present when superseded. */
  readonly correction?: ReadSupersession;
}

/** What no receipt shows, said with every verdict. */
export const NOT_SHOWN = [
  'that the sensor was right, or worn by the right person',
  'that nothing was measured before, after or in between',
  'that the reading has not been corrected or withdrawn since',
  "that the agent's key was not revoked, where the receipt leaves that out",
] as const;

/** What is known of the reader, and of the readings since. */
export interface VerifyOptions {
  readonly trust?: Trust | undefined;
  readonly verify?: Verify;
  /** Texts of supersessions that the holder has got since; those about other readings count for nothing. */
  readonly beside?: readonly string[];
}

/** Checks a receipt's text, or the bytes of a file with one. Never throws for what they hold. */
export function verifyReceipt(
  text: string | Uint8Array,
  trust?: Trust,
  verify: Verify = verifyEd25519,
  beside: readonly string[] = [],
): Verdict {
  const bytes = typeof text === 'string' ? encodeUtf8(text.toWellFormed()) : text;
  const [verdict, ...more] = verifyReceipts(bytes, { trust, verify, beside });
  return more.length === 0 ? verdict! : unreadable('it holds more than one');
}

/**
 * Checks every receipt of a file ({@link decodeReceiptFile}), one verdict each in their order. What receipts of one batch have in
 * common is checked once. Never throws for what the file holds.
 */
export function verifyReceipts(bytes: Uint8Array, options: VerifyOptions = {}): Verdict[] {
  const { trust, verify = verifyEd25519, beside = [] } = options;
  let receipts: readonly Receipt[];
  try {
    receipts = decodeReceiptFile(bytes);
  } catch (error) {
    return [unreadable(reasonOf(error))];
  }
  // Receipts of one pack share the very octets of their header, and then all that their batch rests on.
  const batches = new Map<Uint8Array, BatchChecked>();
  return receipts.map((receipt) => {
    const batch = batches.get(receipt.header) ?? checkBatch(receipt, trust, verify);
    batches.set(receipt.header, batch);
    return checkReceipt(receipt, batch, { trust, verify, beside });
  });
}

function unreadable(reason: string): Verdict {
  return judge([{ step: 'format', result: 'fails', says: `The receipt cannot be read: ${reason}.` }]);
}

/** A step's outcome. */
function run(step: Step, check: () => string | Unknown): StepResult {
  try {
    const says = check();
    return says instanceof Unknown ? { step, result: 'unknown', says: says.says } : { step, result: 'holds', says };
  } catch (error) {
    return { step, result: 'fails', says: `${FAILURES[step]}: ${reasonOf(error)}.` };
  }
}

/** What all receipts of a batch have in common. */
interface BatchChecked {
  readonly steps: readonly StepResult[];
  readonly anchors?: Confirmation;
}

function checkBatch(receipt: Receipt, trust: Trust | undefined, verify: Verify): BatchChecked {
  // Anchors strengthen; a receipt without any, or a reader who trusts no chain, takes nothing from the verdict.
  let anchors: Confirmation | undefined;
  const steps = [
    run('header', () => checkHeader(receipt, verify)),
    run('enrolment', () => checkEnrolment(receipt, trust, verify)),
    run('log', () => checkLog(receipt)),
    run('checkpoint', () => checkCheckpoint(receipt, trust, verify)),
    run('keys', () => checkKeyHistory(receipt)),
    run('anchors', () => {
      anchors = confirmAnchors(receipt, trust?.chains);
      return sayAnchors(anchors);
    }),
  ];
  const witnesses = trust?.witnesses;
  if (witnesses) steps.push(run('witnesses', () => checkWitnesses(receipt, witnesses, verify)));
  return { steps, ...(anchors && { anchors }) };
}

function checkReceipt(
  receipt: Receipt,
  { steps: shared, anchors }: BatchChecked,
  { trust, verify, beside }: Required<VerifyOptions>,
): Verdict {
  let reading: ReadingLeaf | undefined;
  const steps: StepResult[] = [
    { step: 'format', result: 'holds', says: 'The receipt is complete and well formed.' },
    run('leaf', () => {
      reading = readLeaf(receipt);
      return 'The leaf is one reading in its only encoding.';
    }),
    run('raw', () => {
      if (!reading) throw new Refusal('there is no leaf to compare');
      return checkRaw(reading);
    }),
    run('path', () => checkPath(receipt)),
    ...shared,
  ];
  let correction: ReadSupersession | undefined;
  const corrections = correctionsOf(receipt, beside);
  if (corrections.length > 0) {
    steps.push(
      run('correction', () => {
        correction = newestCorrection(corrections, receipt, trust, verify);
        if (!correction) return new Unknown('Whose word the correction is cannot be told without a trust file.');
        return sayCorrection(correction);
      }),
    );
  }
  const judged = { ...judge(steps), ...(reading && { reading }), ...(anchors && { anchors }) };
  return correction && judged.verdict === 'genuine' ? { ...judged, verdict: 'superseded', correction } : judged;
}

const FAILURES: Readonly<Record<Step, string>> = {
  format: 'The receipt cannot be read',
  leaf: 'The leaf is not a reading',
  raw: 'The raw bytes do not give this reading',
  path: "The reading is not in the agent's batch",
  header: "The agent's signature does not hold",
  enrolment: "The service's word for the agent's key does not hold",
  log: 'The batch is not in the log',
  checkpoint: "The log's signature does not hold",
  keys: "The agent's key did not count for this batch",
  anchors: 'An anchor does not hold',
  witnesses: "A trusted witness's cosignature does not hold",
  correction: 'The correction does not hold',
};

function judge(steps: readonly StepResult[]): Verdict {
  if (steps.some(({ result }) => result === 'fails')) return { verdict: 'altered', steps };
  return { verdict: steps.some(({ result }) => result === 'unknown') ? 'not-provable' : 'genuine', steps };
}

function readLeaf({ body }: Receipt): ReadingLeaf {
  const leaf = decodeLeaf(body);
  if (leaf.kind !== 'reading') throw new Refusal('it is another kind of leaf');
  return leaf;
}

function checkRaw(reading: ReadingLeaf): string | Unknown {
  const { profile } = reading;
  if (profile !== undefined && !profileNamed(profile)) {
    return new Unknown('The raw bytes break the standard in a way that this version does not know.');
  }
  const difference = explainReading(reading);
  if (difference) throw new Refusal(difference);
  if (profile === undefined) return 'The raw bytes from the wearable, decoded again, give this reading.';
  return `The raw bytes from the wearable, decoded again as those of a ${profile}, give this reading.`;
}

function checkPath({ index, salt, body, path, header }: Receipt): string {
  if (salt.length !== 32) throw new Refusal('a salt has 32 octets');
  const { leafCount, root } = readHeader(header).header;
  const claim = { leafHash: leafHash(salt, body), index, treeSize: leafCount, proof: path, root };
  if (!verifyInclusion(claim)) throw new Refusal('leaf, salt and path do not lead to the signed root');
  return `The reading is number ${index + 1} of ${leafCount} in a batch whose root the agent signed.`;
}

function checkHeader(receipt: Receipt, verify: Verify): string {
  const keys = keysOf(receipt, verify);
  const { agent } = openHeader(receipt.header, keys.at(-1)!, verify).header;
  if (!equalBytes(agent, thumbprint(keys.at(-1)!))) throw new Refusal('the header names another agent');
  if (keys.length === 1) return 'The agent beside the patient signed the batch.';
  return `The agent beside the patient signed the batch, with key number ${keys.length} of its keys.`;
}

function checkEnrolment(receipt: Receipt, trust: Trust | undefined, verify: Verify): string | Unknown {
  const { enrolment, keyHistory = [] } = receipt;
  const services = [readEnrolment(enrolment).service, ...keyHistory.map(({ event }) => readKeyEvent(event).service)];
  if (!trust) return new Unknown('Whose service vouches for the agent cannot be told without a trust file.');
  if (!services.every((service) => equalBytes(service, thumbprint(trust.service)))) {
    return new Unknown('The agent was enrolled by a service that your trust file does not name.');
  }
  openEnrolment(enrolment, trust.service, verify);
  for (const { event } of keyHistory) openKeyEvent(event, trust.service, verify);
  return 'The service that you trust enrolled this agent.';
}

function checkLog({ header, logProof }: Receipt): string {
  return `The batch is ${checkLogged(logProof, commitmentOf('batch', readHeader(header).id))}.`;
}

function checkWitnesses({ logProof }: Receipt, { keys, quorum }: WitnessPolicy, verify: Verify): string | Unknown {
  const note = parseNote(parseTlogProof(logProof).checkpoint);
  const { length } = openCosignatures(note, keys, verify);
  const says = `${length} of the ${keys.length} witnesses that you trust cosigned the checkpoint`;
  return length < quorum ? new Unknown(`Only ${says}, and you ask for ${quorum}.`) : `${says}.`;
}
