import { describe, expect, it } from 'vitest';
import { NO_BATCH } from '../../protocol/batch.ts';
import { decodeHex, encodeUtf8 } from '../../protocol/bytes.ts';
import { cosignerOf } from '../../protocol/cosignature.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { decodeReceipt, encodeReceipt, type Receipt } from '../../protocol/receipt.ts';
import { noteSignerOf } from '../../protocol/signed-note.ts';
import { STEPS, type Step, type Verdict, verifyReceipt } from '../../protocol/verify.ts';
import { nodeVerify } from '../support/node-verify.ts';
import {
  buildBatch,
  buildReceipt,
  buildReceiptText,
  cosignReceipt,
  type Heard,
  OTHER_LEAVES,
  PARTIES,
  type Parties,
  readingLeaves,
  receiptOf,
  seedOf,
  signerOf,
  trustIn,
  trustWitnesses,
  WITNESSES,
} from '../support/receipt-builder.ts';

const TRUST = trustIn(PARTIES);
const HEART: Heard = { characteristic: 0x2a37, hex: '06aa' };

/** Reserved flag bit 6, big-endian pulse rate: see test/vectors/gatt-quirks.json. */
const QUIRKY: Heard = {
  characteristic: 0x2a35,
  hex: '566a0047000000ea07080b121f00003f000000',
  profile: 'beurer-cuff',
};

/** Values whose receipts must be genuine, of every sort that has its own path through the checks. */
const GENUINE: readonly [string, Heard][] = [
  ['heart rate', HEART],
  ['heart rate with RR intervals and no contact', { characteristic: 0x2a37, hex: '143c00040004' }],
  ['an implausible heart rate', { characteristic: 0x2a37, hex: '0005' }],
  [
    'a blood pressure panel with date and status',
    { characteristic: 0x2a35, hex: '16780050005d00ea0703010800004800' + '0400' },
  ],
  ['a blood pressure panel in kPa', { characteristic: 0x2a35, hex: '01a0f06bf07cf0' }],
  ['a failed blood pressure measurement: NaN', { characteristic: 0x2a35, hex: '00ff07ff07ff07' }],
  ['a temperature with two decimals', { characteristic: 0x2a1c, hex: '00420e00fe' }],
  ['a temperature that is NaN', { characteristic: 0x2a1c, hex: '00ffff7f00' }],
  ['oxygen saturation', { characteristic: 0x2a5f, hex: '0061004800' }],
  [
    'glucose with a session start',
    { characteristic: 0x2aa7, hex: '06006e000500', sessionStart: 'ea07030108000004' + '00' },
  ],
  ['glucose without a session start', { characteristic: 0x2aa7, hex: '06006e000500' }],
  [
    'glucose by a clock that names a zone which no place has',
    { characteristic: 0x2aa7, hex: '06006e000500', sessionStart: 'ea0703010800003808' },
  ],
  ['battery', { characteristic: 0x2a19, hex: '2c' }],
  ['a blood pressure as a cuff sends it that breaks the standard', QUIRKY],
  ['a reading that is no test', { ...HEART, test: false }],
];

function check(text: string | Uint8Array, trust: typeof TRUST | undefined = TRUST): Verdict {
  return verifyReceipt(text, trust, nodeVerify);
}

function stepsWith(verdict: Verdict, result: 'holds' | 'fails' | 'unknown'): Step[] {
  return verdict.steps.filter((step) => step.result === result).map(({ step }) => step);
}

describe('a genuine receipt', () => {
  it.each(GENUINE)('holds in every step: %s', (_, heard) => {
    const verdict = check(buildReceiptText(heard));
    expect(stepsWith(verdict, 'fails')).toEqual([]);
    expect(verdict.steps.map(({ step }) => step)).toEqual(STEPS);
    expect(verdict.verdict).toBe('genuine');
    expect(verdict.reading).toEqual(readingLeaves(heard)[0]);
  });

  it('is the same under our own Ed25519 and from the bytes of its file', () => {
    const text = buildReceiptText(HEART);
    expect(verifyReceipt(text, TRUST)).toEqual(check(encodeUtf8(text)));
    expect(verifyReceipt(text, TRUST).verdict).toBe('genuine');
  });

  it('holds for every place in batches of any size', () => {
    for (let size = 1; size <= 9; size++) {
      const beats = Array.from(
        { length: size },
        (_, i) => readingLeaves({ ...HEART, heardAt: 1_772_352_000_000 + i })[0]!,
      );
      const batch = buildBatch(beats, PARTIES.agent);
      for (let i = 0; i < size; i++) expect(check(encodeReceipt(receiptOf(batch, i))).verdict).toBe('genuine');
    }
  });

  it('is still the same when its white space or the escapes of its strings differ', () => {
    const text = buildReceiptText(HEART);
    for (const other of [JSON.stringify(JSON.parse(text)), text.replace('\u2014', '\\u2014'), ` \r\n\t${text}`]) {
      expect(check(other).verdict).toBe('genuine');
    }
  });
});

describe('trust', () => {
  const text = buildReceiptText(HEART);
  const others: Parties = {
    agent: signerOf(21),
    service: signerOf(22),
    log: noteSignerOf(PARTIES.log.name, seedOf(23)),
  };

  it('that is missing makes a receipt not provable, and never genuine', () => {
    const verdict = verifyReceipt(text, undefined, nodeVerify);
    expect(verdict.verdict).toBe('not-provable');
    expect(stepsWith(verdict, 'unknown')).toEqual(['enrolment', 'checkpoint']);
  });

  it.each<[string, Partial<Parties>, Step[]]>([
    ['another service and log', others, ['enrolment', 'checkpoint']],
    ['another service', { service: others.service }, ['enrolment']],
    ['another log of the same name', { log: others.log }, ['checkpoint']],
    ['a log of another name with the same key', { log: noteSignerOf('else.example', seedOf(3)) }, ['checkpoint']],
  ])('in %s makes it not provable', (_, parties, open) => {
    const verdict = check(text, trustIn({ ...PARTIES, ...parties }));
    expect(verdict.verdict).toBe('not-provable');
    expect(stepsWith(verdict, 'unknown')).toEqual(open);
  });

  it('does not help a whole world made up by a stranger', () => {
    const stranger = buildReceipt([readingLeaves(HEART)[0]!, ...OTHER_LEAVES], others);
    expect(check(encodeReceipt(stranger)).verdict).toBe('not-provable');
    expect(check(encodeReceipt(stranger), trustIn(others)).verdict).toBe('genuine');
  });

  it('is not gained by naming those who are trusted', () => {
    // The stranger's service says that it is ours; the stranger's log signs under our name and key id.
    const log = { ...others.log, name: PARTIES.log.name, keyId: PARTIES.log.keyId };
    const service = { publicKey: PARTIES.service.publicKey, sign: others.service.sign };
    const forged = buildReceipt([readingLeaves(HEART)[0]!], { agent: others.agent, service, log });
    const verdict = check(encodeReceipt(forged));
    expect(verdict.verdict).toBe('altered');
    expect(stepsWith(verdict, 'fails')).toEqual(['enrolment', 'checkpoint']);
  });
});

describe('witnesses', () => {
  const receipt = buildReceipt([readingLeaves(HEART)[0]!, ...OTHER_LEAVES]);
  const cosignedBy = (count: number) => encodeReceipt(cosignReceipt(receipt, WITNESSES.slice(0, count)));

  it('are no step where the trust file names none, whoever cosigned', () => {
    const verdict = check(cosignedBy(3));
    expect([verdict.verdict, verdict.steps.map(({ step }) => step)]).toEqual(['genuine', STEPS]);
  });

  it('are counted, and too few make a receipt not provable', () => {
    for (let count = 0; count <= 3; count++) {
      for (let quorum = 1; quorum <= 3; quorum++) {
        const verdict = check(cosignedBy(count), trustWitnesses(quorum));
        expect(verdict.steps.map(({ step }) => step)).toEqual([...STEPS, 'witnesses']);
        expect(verdict.verdict).toBe(count < quorum ? 'not-provable' : 'genuine');
        expect(stepsWith(verdict, 'unknown')).toEqual(count < quorum ? ['witnesses'] : []);
        expect(verdict.steps.at(-1)!.says).toContain(`${count} of the 3 witnesses that you trust cosigned`);
      }
    }
  });

  it('count once each, and strangers and other checkpoints not at all', () => {
    const [one] = WITNESSES;
    const stranger = cosignerOf('stranger.example', seedOf(60));
    const namesake = { ...cosignerOf(one!.name, seedOf(61)) };
    for (const others of [
      [one!, one!],
      [one!, stranger],
      [one!, namesake],
    ]) {
      expect(check(encodeReceipt(cosignReceipt(receipt, others)), trustWitnesses(2)).verdict).toBe('not-provable');
    }
    const elsewhere = cosignReceipt(buildReceipt([readingLeaves({ ...HEART, heardAt: 1 })[0]!]));
    const lines = elsewhere.logProof.split('\n').filter((line) => line.includes('/witness'));
    const moved = { ...receipt, logProof: `${receipt.logProof}${lines.join('\n')}\n` };
    const verdict = check(encodeReceipt(moved), trustWitnesses(1));
    expect([verdict.verdict, stepsWith(verdict, 'fails')]).toEqual(['altered', ['witnesses']]);
  });

  it('do not stand in for the log', () => {
    const cosigned = cosignReceipt(receipt);
    const withoutLog = cosigned.logProof.replace(/\u2014 log\.example\/veravita \S+\n/, '');
    const verdict = check(encodeReceipt({ ...cosigned, logProof: withoutLog }), trustWitnesses(3));
    expect([verdict.verdict, stepsWith(verdict, 'unknown')]).toEqual(['not-provable', ['checkpoint']]);
  });
});

describe('a receipt with one octet changed', () => {
  const [beat] = readingLeaves(HEART);
  const receipt = buildReceipt([beat!, ...OTHER_LEAVES]);

  /** Every single-octet change of a binary part must be seen, in one of these steps. */
  function expectSeen(part: Uint8Array, rebuild: (altered: Uint8Array) => Receipt, steps: readonly Step[]): void {
    for (let at = 0; at < part.length; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const altered = part.slice();
        altered[at]! ^= mask;
        const verdict = check(encodeReceipt(rebuild(altered)));
        expect(verdict.verdict).not.toBe('genuine');
        const named = [...stepsWith(verdict, 'fails'), ...stepsWith(verdict, 'unknown')];
        expect(steps.some((step) => named.includes(step))).toBe(true);
      }
    }
  }

  it('leaf body', () => expectSeen(receipt.body, (body) => ({ ...receipt, body }), ['path']));
  it('salt', () => expectSeen(receipt.salt, (salt) => ({ ...receipt, salt }), ['path']));
  it('path', () => {
    for (const [i, node] of receipt.path.entries()) {
      expectSeen(node, (altered) => ({ ...receipt, path: receipt.path.with(i, altered) }), ['path']);
    }
  });
  it('header and its signature', () => expectSeen(receipt.header, (header) => ({ ...receipt, header }), ['header']));
  it('enrolment and its signature', () => {
    expectSeen(receipt.enrolment, (enrolment) => ({ ...receipt, enrolment }), ['header', 'enrolment']);
  });

  it('log proof and checkpoint', () => {
    const { logProof } = receipt;
    for (let at = 0; at < logProof.length; at++) {
      for (const mask of [0x01, 0x02, 0x20]) {
        const character = String.fromCharCode(logProof.charCodeAt(at) ^ mask);
        const verdict = check(
          encodeReceipt({ ...receipt, logProof: logProof.slice(0, at) + character + logProof.slice(at + 1) }),
        );
        expect(verdict.verdict).not.toBe('genuine');
        const named = [...stepsWith(verdict, 'fails'), ...stepsWith(verdict, 'unknown')];
        expect(named.some((step) => step === 'log' || step === 'checkpoint')).toBe(true);
      }
    }
  });

  it('index', () => {
    for (const index of [1, 2, 3, 4, 2 ** 32, 2 ** 53 - 1]) {
      expect(stepsWith(check(encodeReceipt({ ...receipt, index })), 'fails')).toEqual(['path']);
    }
  });

  it('any octet of its file', () => {
    const file = encodeUtf8(encodeReceipt(receipt));
    for (let at = 0; at < file.length; at++) {
      const altered = file.slice();
      altered[at]! ^= 1;
      const verdict = check(altered);
      expect(verdict.verdict).not.toBe('genuine');
      expect(verdict.steps.some(({ result }) => result !== 'holds')).toBe(true);
    }
  });

  it('any character of its text replaced, unless the text means the same', () => {
    const text = encodeReceipt(receipt);
    for (const replacement of ['0', '"', ' ', '\ud800']) {
      for (let at = 0; at < text.length; at++) {
        if (text[at] === replacement) continue;
        const altered = text.slice(0, at) + replacement + text.slice(at + 1);
        if (/\s/.test(text[at]!) && replacement === ' ') continue; // white space for white space
        expect(check(altered).verdict).not.toBe('genuine');
      }
    }
  });

  it('cut short anywhere', () => {
    const text = encodeReceipt(receipt).trimEnd();
    for (let end = 0; end < text.length; end++) {
      expect(stepsWith(check(text.slice(0, end)), 'fails')).toEqual(['format']);
    }
  });
});

describe('a receipt with parts of another', () => {
  const first = buildReceipt([readingLeaves(HEART)[0]!, ...OTHER_LEAVES]);
  const second = buildReceipt([readingLeaves({ ...HEART, hex: '0648' })[0]!, ...OTHER_LEAVES.slice(1)]);

  it.each(Object.keys(first) as (keyof Receipt)[])('%s', (member) => {
    const mixed = { ...first, [member]: second[member] };
    const same = member === 'index' || member === 'enrolment';
    expect(check(encodeReceipt(mixed)).verdict).toBe(same ? 'genuine' : 'altered');
  });

  it('no combination passes, unless all that differs is of one', () => {
    const parts = ['salt', 'body', 'path', 'header', 'logProof'] as const;
    for (let taken = 1; taken < 2 ** parts.length - 1; taken++) {
      const swapped = parts.filter((_, i) => taken & (1 << i)).map((part) => [part, second[part]]);
      const mixed = { ...first, ...Object.fromEntries(swapped) } as Receipt;
      expect(check(encodeReceipt(mixed)).verdict).toBe('altered');
    }
  });

  it('one agent cannot pass off the batch of another', () => {
    const other = { ...PARTIES, agent: signerOf(31) };
    const theirs = buildReceipt([readingLeaves(HEART)[0]!], other);
    const verdict = check(encodeReceipt({ ...first, enrolment: theirs.enrolment }));
    expect(stepsWith(verdict, 'fails')).toEqual(['header']);
  });

  it('an agent cannot sign in the name of another', () => {
    const batch = buildBatch(OTHER_LEAVES.slice(0, 0).concat(readingLeaves(HEART)), PARTIES.agent, { agent: NO_BATCH });
    expect(stepsWith(check(encodeReceipt(receiptOf(batch, 0))), 'fails')).toEqual(['header']);
  });
});

describe('a cheating agent', () => {
  const [beat] = readingLeaves(HEART) as [ReadingLeaf];
  const [panel] = readingLeaves({ characteristic: 0x2a35, hex: '00780050005d00' }) as [ReadingLeaf];
  const [sugar] = readingLeaves({
    characteristic: 0x2aa7,
    hex: '06006e000500',
    sessionStart: 'ea0703010800000400',
  }) as [ReadingLeaf];
  const swapped = [panel.components![1]!, panel.components![0]!, panel.components![2]!];

  it.each<[string, ReadingLeaf]>([
    ['another value', { ...beat, value: { mantissa: 171, exponent: 0 } }],
    ['more decimals than the sensor gave', { ...beat, value: { mantissa: 1700, exponent: -1 } }],
    ['a number for NaN', { ...beat, value: 'NaN' }],
    ['another unit', { ...beat, unit: 'Hz' }],
    ['another vital sign', { ...beat, vital: 149546 }],
    ['another characteristic', { ...beat, characteristic: 0x2a19 }],
    ['a characteristic that nobody knows', { ...beat, characteristic: 0x2aff }],
    ['a characteristic without readings', { ...beat, characteristic: 0x2a38 }],
    ['raw bytes that do not decode', { ...beat, raw: decodeHex('01') }],
    ['no raw bytes', { ...beat, raw: new Uint8Array() }],
    ['a flag that the sensor did not raise', { ...beat, flags: ['no-contact'] }],
    ['a time of its own', { ...beat, measuredAt: beat.measuredAt - 1 }],
    ['a device clock of its own', { ...beat, deviceClock: '2026-03-01T08:00:00', measuredBy: 'device' }],
    ['a device that measured without a clock', { ...beat, measuredBy: 'device' }],
    ['systolic for diastolic', { ...panel, components: swapped }],
    ['a panel without its mean', { ...panel, components: panel.components!.slice(0, 2) }],
    ['a device time not of its session', { ...sugar, measuredAt: sugar.measuredAt + 60_000 }],
    ['a session start taken away', withoutSession(sugar)],
    ['a glucose value of another record', { ...sugar, raw: decodeHex('06006e000500' + '06006f000a00') }],
    ['a profile that its bytes do not need', { ...beat, profile: 'beurer-cuff' }],
    ['a profile taken away', withoutProfile(readingLeaves(QUIRKY)[1]!)],
    ['an implausible value without its flag', { ...readingLeaves({ ...HEART, hex: '0605' })[0]!, flags: [] }],
  ])('that signed %s is caught by the raw bytes', (_, leaf) => {
    const verdict = check(encodeReceipt(buildReceipt([leaf, ...OTHER_LEAVES])));
    expect(stepsWith(verdict, 'fails')).toEqual(['raw']);
    expect(verdict.verdict).toBe('altered');
  });

  it('by a profile that this version does not know is left open, not called altered', () => {
    const [panel] = readingLeaves(QUIRKY);
    const verdict = check(encodeReceipt(buildReceipt([{ ...panel!, profile: 'of-tomorrow' }, ...OTHER_LEAVES])));
    expect(stepsWith(verdict, 'fails')).toEqual([]);
    expect(stepsWith(verdict, 'unknown')).toEqual(['raw']);
    expect(verdict.verdict).toBe('not-provable');
  });

  function withoutProfile({ profile: _, ...leaf }: ReadingLeaf): ReadingLeaf {
    return leaf;
  }

  function withoutSession({ sessionStart: _, ...leaf }: ReadingLeaf): ReadingLeaf {
    return leaf;
  }

  it('cannot pass off another kind of leaf as a reading', () => {
    const batch = buildBatch([beat, ...OTHER_LEAVES], PARTIES.agent);
    for (let i = 1; i < batch.leaves.length; i++) {
      const verdict = check(encodeReceipt(receiptOf(batch, i)));
      expect(stepsWith(verdict, 'fails')).toEqual(['leaf', 'raw']);
      expect(verdict.reading).toBeUndefined();
    }
  });

  it('cannot let an inner node of the tree pass as a leaf', () => {
    const batch = buildBatch([beat, ...OTHER_LEAVES], PARTIES.agent);
    const whole = receiptOf(batch, 0);
    const inner = { ...whole, salt: batch.leafHashes[0]!, body: batch.leafHashes[1]!, path: whole.path.slice(1) };
    expect(stepsWith(check(encodeReceipt(inner)), 'fails')).toContain('path');
  });
});

describe('what the steps say', () => {
  it('is one sentence each, without a value of the reading', () => {
    const text = buildReceiptText({ ...HEART, hex: '069d' });
    const { index, ...receipt } = decodeReceipt(text);
    for (const verdict of [check(text), check(text, undefined), check(encodeReceipt({ ...receipt, index: 1 }))]) {
      for (const { says } of verdict.steps) {
        expect(says).toMatch(/^[A-Z][^\n]*\.$/);
        expect(says).not.toContain('157');
      }
    }
  });
});
