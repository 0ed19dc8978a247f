/** Verdicts and trust as elements. Everything is set as text. */
import { sayAnchor } from '../../protocol/anchor-confirmation.ts';
import { encodeHex } from '../../protocol/bytes.ts';
import { renderCoverage } from '../../protocol/coverage-words.ts';
import type { ErasureVerdict } from '../../protocol/erasure-certificate.ts';
import { encodeId } from '../../protocol/keys.ts';
import type { ReadingLeaf } from '../../protocol/leaf.ts';
import { encodeVerifierKey } from '../../protocol/signed-note.ts';
import type { Trust } from '../../protocol/trust.ts';
import type { StepResult, Verdict } from '../../protocol/verify.ts';
import type { Checked } from '../check.ts';
import { renderErasure } from '../erasure-report.ts';
import { printable, showInstant, titleOf, valuesOf } from '../reading-text.ts';
import { renderReports, worstOf } from '../report.ts';

const TITLES: Readonly<Record<Verdict['verdict'], string>> = {
  genuine: 'Genuine: this is what the wearable said',
  superseded: 'Superseded: it is what the wearable said, and it was corrected or withdrawn since',
  altered: 'Altered: do not believe it',
  'not-provable': 'Cannot be proven: nothing speaks against it, but something is missing',
};

const MARKS: Readonly<Record<StepResult['result'], string>> = { holds: '✓ holds', fails: '✗ fails', unknown: '? open' };

/** Another element with these children. */
function element(tag: string, data: Readonly<Record<string, string>>, ...children: readonly (Node | string)[]) {
  const made = document.createElement(tag);
  Object.assign(made.dataset, data);
  made.append(...children);
  return made;
}

function rows(pairs: readonly (readonly [string, string])[]): HTMLElement {
  return element('dl', {}, ...pairs.flatMap(([term, text]) => [element('dt', {}, term), element('dd', {}, text)]));
}

/** What was found in one file. */
export function showChecked(name: string, checked: Checked): HTMLElement {
  switch (checked.kind) {
    case 'coverage': {
      const verdict = checked.verdict.verdict === 'green' ? 'genuine' : 'altered';
      return showText(name, verdict, COVERAGE_TITLES[checked.verdict.verdict], renderCoverage(checked.verdict, true));
    }
    case 'erasure': {
      const { verdict } = checked.verdict;
      const shown = verdict === 'pending' ? 'not-provable' : verdict;
      return showText(name, shown, ERASURE_TITLES[verdict], renderErasure(name, checked.verdict, true));
    }
    case 'receipts':
      return checked.verdicts.length === 1 ? showVerdict(name, checked.verdicts[0]!) : showMany(name, checked.verdicts);
  }
}

const COVERAGE_TITLES = {
  green: 'Green: every moment is accounted for',
  red: 'Red: something is missing, or not as it was signed',
} as const;

const ERASURE_TITLES: Readonly<Record<ErasureVerdict['verdict'], string>> = {
  genuine: 'Genuine: the service signed that this was destroyed',
  pending: 'Genuine, and not finished: a gateway has not confirmed yet',
  altered: 'Altered: do not believe it',
  'not-provable': 'Cannot be proven: something is missing',
};

function showText(name: string, verdict: string, title: string, text: string): HTMLElement {
  const card = element('article', { verdict }, element('h3', {}, title), element('small', {}, printable(name)));
  card.className = 'verdict';
  card.append(element('pre', {}, text));
  return card;
}

/** Many receipts: how many there are of each verdict, and the first that is not genuine in full. */
function showMany(name: string, verdicts: readonly Verdict[]): HTMLElement {
  const worst = worstOf(verdicts.map(({ verdict }) => verdict));
  const odd = verdicts.find(({ verdict }) => verdict !== 'genuine');
  const title = odd
    ? `${verdicts.length} receipts, not all of them genuine`
    : `${verdicts.length} receipts, all genuine`;
  const card = showText(name, worst, title, renderReports(name, verdicts, true).split('\n\n').slice(0, 2).join('\n\n'));
  if (odd) card.append(element('strong', {}, 'The first that is not'), showVerdict(name, odd));
  return card;
}

/** One receipt's verdict. */
function showVerdict(name: string, { verdict, reading, steps, anchors }: Verdict): HTMLElement {
  const card = element('article', { verdict }, element('h3', {}, TITLES[verdict]));
  card.className = 'verdict';
  const file = element('small', {}, printable(name));
  card.append(file);
  if (reading) {
    card.append(...describe(reading, verdict === 'genuine' || verdict === 'superseded'));
  }
  const list = element('ol', {}, ...steps.map(({ step, result, says }) => showStep(step, result, says)));
  card.append(element('strong', {}, 'How it was checked'), list);
  if (anchors && anchors.anchors.length > 0) {
    const held = anchors.anchors.map((one) => element('li', { anchor: one.missing }, sayAnchor(one)));
    card.append(element('strong', {}, 'Anchored'), element('ul', {}, ...held));
  }
  return card;
}

function showStep(step: string, result: StepResult['result'], says: string): HTMLElement {
  return element('li', { step, result }, element('b', {}, MARKS[result]), element('span', {}, printable(says)));
}

function describe(reading: ReadingLeaf, believed: boolean): HTMLElement[] {
  const { measuredAt, measuredBy, heardAt, zoneMin, flags } = reading;
  const clock = measuredBy === 'device' ? 'by the clock of the wearable' : 'by the clock of the gateway';
  const parts = [
    element('strong', {}, believed ? 'The reading' : 'The reading, as the receipt claims'),
    rows([
      [titleOf(reading.vital), valuesOf(reading)],
      ['Measured', `${showInstant(measuredAt, zoneMin)} ${clock}`],
      ['Heard', `${showInstant(heardAt, zoneMin)} by the gateway`],
      ['Patient', `${encodeId(reading.subject)} (a pseudonym)`],
      ...(flags.length > 0 ? [['Quality', flags.map(printable).join(', ')] as const] : []),
    ]),
  ];
  if (reading.test) {
    const note = element('p', {}, 'TEST DATA: simulated or replayed, not a measurement of a patient');
    note.className = 'test';
    parts.unshift(note);
  }
  return parts;
}

/** Whose word counts on this page now. */
export function showTrust(trust: Trust | undefined, forget: () => void): HTMLElement {
  if (!trust) {
    return element('p', {}, 'Nobody yet. Without a trust file, receipts can be found altered but not proven genuine.');
  }
  const button = element('button', {}, 'Forget') as HTMLButtonElement;
  button.type = 'button';
  button.addEventListener('click', forget);
  return element(
    'div',
    { trusted: '' },
    rows([
      ['Log', printable(encodeVerifierKey(trust.log))],
      ['Service', encodeHex(trust.service)],
      ...(trust.chains ?? []).map(
        ({ chainId, contract }) => ['Chain', `${chainId}, contract 0x${encodeHex(contract)}`] as const,
      ),
    ]),
    button,
  );
}
