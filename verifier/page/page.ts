/**
 * The page that a stranger opens from a disk: files in, verdicts out. It asks nobody and keeps nothing; what a file says
 * is shown as text and never as markup.
 */
import { encodeUtf8 } from '../../protocol/bytes.ts';
import type { Trust } from '../../protocol/trust.ts';
import { NOT_SHOWN } from '../../protocol/verify.ts';
import { checkFile, readSupersessionText, readTrust } from '../check.ts';
import { readCode } from './read-code.ts';
import { showChecked, showTrust } from './show.ts';

const find = (id: string) => document.getElementById(id)!;

let trust: Trust | undefined;
const corrections: string[] = [];
const given: { readonly name: string; readonly bytes: Uint8Array }[] = [];

async function take(files: Iterable<File>): Promise<void> {
  let isNewGround = false;
  for (const file of files) {
    const code = file.type.startsWith('image/') ? await readCode(file) : undefined;
    const bytes = code === undefined ? new Uint8Array(await file.arrayBuffer()) : encodeUtf8(code);
    const [foundTrust, correction] = [readTrust(bytes), readSupersessionText(bytes)];
    if (foundTrust) trust = foundTrust;
    if (correction !== undefined) corrections.push(correction);
    isNewGround ||= foundTrust !== undefined || correction !== undefined;
    if (!foundTrust && correction === undefined) add(file.name, bytes);
  }
  if (isNewGround) showAll();
}

function add(name: string, bytes: Uint8Array): void {
  if (given.length === 0) find('verdicts').replaceChildren();
  given.unshift({ name, bytes });
  find('verdicts').prepend(showChecked(name, checkFile(bytes, trust, corrections)));
}

/** Whom one trusts, or what was corrected, has changed: everything is checked again. */
function showAll(): void {
  find('trust').replaceChildren(showTrust(trust, forgetTrust));
  if (given.length === 0) find('verdicts').textContent = 'Nothing was checked yet.';
  else
    find('verdicts').replaceChildren(
      ...given.map(({ name, bytes }) => showChecked(name, checkFile(bytes, trust, corrections))),
    );
}

function forgetTrust(): void {
  trust = undefined;
  showAll();
}

const drop = find('drop');
const files = find('files') as HTMLInputElement;
files.addEventListener('change', async () => {
  await take(files.files ?? []);
  files.value = ''; // the same file may be chosen again
});
for (const type of ['dragover', 'dragleave', 'drop'] as const) {
  document.addEventListener(type, (event) => {
    event.preventDefault(); // or the browser would leave this page for the file
    drop.classList.toggle('over', type === 'dragover');
    if (type === 'drop') void take(event.dataTransfer?.files ?? []);
  });
}
document.addEventListener('paste', (event) => {
  const { files: pasted } = event.clipboardData ?? {};
  const text = event.clipboardData?.getData('text/plain') ?? '';
  if (pasted && pasted.length > 0) void take(pasted);
  else if (text.trim() !== '') void take([new File([text.trim()], 'pasted text')]);
});
find('limits').replaceChildren(
  ...NOT_SHOWN.map((text) => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  }),
);
showAll();
