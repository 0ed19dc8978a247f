/**
 * The page that a stranger opens from a disk: files in, verdicts out. It asks nobody and keeps nothing; what a file says
 * is shown as text and never as markup.
 */
import type { Trust } from '../../protocol/receipt.ts';
import { NOT_SHOWN } from '../../protocol/verify.ts';
import { checkFile, type GivenFile, readTrust } from '../check.ts';
import { showTrust, showVerdict } from './show.ts';

const find = (id: string) => document.getElementById(id)!;

let trust: Trust | undefined;
const given: GivenFile[] = [];

async function take(files: Iterable<File>): Promise<void> {
  for (const file of files) {
    const one = { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
    const found = readTrust(one.bytes);
    if (found) trust = found;
    else given.unshift(one);
  }
  show();
}

function show(): void {
  find('trust').replaceChildren(showTrust(trust, forgetTrust));
  const verdicts = given.map((file) => showVerdict(file.name, checkFile(file, trust)));
  find('verdicts').replaceChildren(...verdicts);
  if (verdicts.length === 0) find('verdicts').textContent = 'Nothing was checked yet.';
}

function forgetTrust(): void {
  trust = undefined;
  show();
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
find('limits').replaceChildren(
  ...NOT_SHOWN.map((text) => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  }),
);
show();
