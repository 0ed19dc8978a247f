/** The talk of `npm run pair`: one question after the other, in plain words. */
import { MAX_USER_INDEX } from '../protocol/agent-action.ts';
import type { FoundView, PairingClient, PairingView } from './pairing-client.ts';

/** Whoever sits there. */
export interface Dialog {
  say(text: string): void;
  /** Throws when nobody can answer. */
  ask(question: string): Promise<string>;
  pause(ms: number): Promise<void>;
}

/** Answers given beforehand. */
export interface Answers {
  /** Beginning of a gateway's id. */
  readonly gateway?: string;
  /** Name of a wearable. */
  readonly choose?: string;
  readonly passkey?: number;
  /** Consents to collect. */
  readonly yes: boolean;
}

const POLL_MS = 500;
/** How long a wearable that was named beforehand is looked for. */
const FIND_POLLS = 120;
/** How long a pairing is watched; a gateway gives up before. */
const WATCH_POLLS = 900;

const CONSENT_WORDS = `This wearable measures your body. If you consent, your gateway keeps what it measures and Veravita puts it into
your record, from now until you revoke it. Nobody else sees it unless you let them. You can end it at any time:
unpair the wearable, or revoke the consent.`;

const PHASES: Readonly<Record<PairingView['phase'], string>> = {
  asking: 'Asking the gateway ...',
  connecting: 'Connecting. Keep the wearable near and awake ...',
  passkey: 'The wearable shows six digits.',
  reconnecting: 'Connected. Now it has to come back on its own, which proves the pairing ...',
  'first-reading': 'It came back. Waiting for its first reading: take a measurement now ...',
  verifying: 'A reading arrived. Waiting until the public log has it ...',
  paired: 'Paired.',
  failed: 'That did not work.',
};

/** Pairs one wearable; resolves when it is paired, throws when it is not. */
export async function pairWearable(pairing: PairingClient, dialog: Dialog, answers: Answers): Promise<void> {
  const gateway = await chooseGateway(pairing, dialog, answers.gateway);
  const chosen = await chooseWearable(pairing, dialog, gateway, answers.choose);
  if (chosen.unsupported !== undefined) throw new Error(chosen.unsupported);
  dialog.say(`${nameOf(chosen)}, ${chosen.title}.`);
  for (const sentence of chosen.advice) dialog.say(`  ${sentence}`);
  dialog.say(CONSENT_WORDS);
  if (!answers.yes && !isYes(await dialog.ask('Do you consent to collect what it measures? (y/n) '))) {
    throw new Error('without your consent nothing is paired');
  }
  if (await pairing.consentTo(chosen.device)) dialog.say('Your consent is signed.');
  await pairing.pair(gateway, chosen.device);
  await watch(pairing, dialog, chosen.device, answers.passkey);
}

async function chooseGateway(pairing: PairingClient, dialog: Dialog, begins = ''): Promise<string> {
  const { gateways } = await pairing.state();
  const known = gateways.filter(({ id }) => id.startsWith(begins));
  if (known.length === 0) throw new Error('there is no such gateway; --gateway-code makes a code to enrol one');
  if (known.length === 1) return known[0]!.id;
  for (const [i, { id, heardAt }] of known.entries()) {
    dialog.say(`${i + 1}  gateway ${id.slice(0, 8)}, ${heardAt === undefined ? 'not heard yet' : `heard ${heardAt}`}`);
  }
  return known[await askNumber(dialog, 'Which gateway? ', known.length)]!.id;
}

async function chooseWearable(
  pairing: PairingClient,
  dialog: Dialog,
  gateway: string,
  name: string | undefined,
): Promise<FoundView> {
  await pairing.scan(gateway);
  dialog.say('Looking around ...');
  if (name === undefined) return chooseFromList(pairing, dialog, gateway);
  for (let poll = 0; poll < FIND_POLLS; poll++) {
    const named = (await pairing.found(gateway)).find((one) => one.name === name);
    if (named) return named;
    await dialog.pause(POLL_MS);
  }
  throw new Error('no wearable of that name is near; wake it and bring it near the gateway');
}

async function chooseFromList(pairing: PairingClient, dialog: Dialog, gateway: string): Promise<FoundView> {
  for (;;) {
    // A gateway reports every second.
    for (let poll = 0; poll < 4; poll++) await dialog.pause(POLL_MS);
    const found = await pairing.found(gateway);
    for (const [i, one] of found.entries()) {
      const note = one.paired ? ', paired already' : one.unsupported === undefined ? '' : ', cannot be used';
      dialog.say(`${i + 1}  ${nameOf(one)}, ${one.title}, signal ${signalText(one.rssi)}${note}`);
    }
    if (found.length === 0) dialog.say('Nothing yet. Switch the wearable on and bring it near the gateway.');
    const answer = await dialog.ask('Which one? Its number, or Enter to look again: ');
    const chosen = found[Number(answer) - 1];
    if (answer.trim() !== '' && chosen) return chosen;
    await pairing.scan(gateway);
  }
}

async function watch(pairing: PairingClient, dialog: Dialog, device: string, given?: number): Promise<void> {
  let told: string | undefined;
  for (let poll = 0; poll < WATCH_POLLS; poll++) {
    const now = await pairing.pairing(device);
    if (now && now.phase !== told) {
      told = now.phase;
      dialog.say(PHASES[now.phase]);
      if (now.phase === 'passkey') await pairing.passkey(device, given ?? (await askPasskey(dialog)));
      if (now.phase === 'failed') throw new Error((now.failure?.words ?? []).join('\n      '));
      if (now.phase === 'paired') return describeReading(dialog, now);
    }
    await dialog.pause(POLL_MS);
  }
  throw new Error('the gateway does not say what became of it; look again with --list');
}

function describeReading(dialog: Dialog, { reading }: PairingView): void {
  if (!reading) return;
  dialog.say(`First reading: ${reading.title}, measured ${reading.measuredAt}: signed, in tree, in log.`);
}

/** Names what is paired, with the beginnings of ids that `--unpair` takes. */
export async function listPaired(pairing: PairingClient, dialog: Dialog): Promise<void> {
  const { paired, held } = await pairing.state();
  const names = await pairing.deviceNames();
  for (const { device, gateway } of paired) {
    dialog.say(`${device.slice(0, 8)}  ${plain(names.get(device) ?? 'not heard yet')}, gateway ${gateway.slice(0, 8)}`);
  }
  if (paired.length === 0) dialog.say('No wearable is paired.');
  for (const { count, userIndex, name, device } of held) {
    if (userIndex > MAX_USER_INDEX) {
      dialog.say(`${count} measurements of ${plain(name ?? 'a device')} do not say whose they are.`);
      continue;
    }
    const whose = `${count} measurements of user ${userIndex} of ${plain(name ?? 'a device')} wait: are they yours?`;
    dialog.say(`${whose} If so: --claim ${device.slice(0, 8)}:${userIndex}`);
  }
}

export async function unpairWearable(
  pairing: PairingClient,
  dialog: Dialog,
  begins: string,
  yes: boolean,
): Promise<void> {
  const { paired } = await pairing.state();
  const [device, ...more] = new Set(paired.map((one) => one.device).filter((id) => id.startsWith(begins)));
  if (device === undefined || begins === '') throw new Error('no paired wearable has an id that begins so; see --list');
  if (more.length > 0) throw new Error('several ids begin so; give more of it');
  const name = plain((await pairing.deviceNames()).get(device) ?? device.slice(0, 8));
  const question = `Let ${name} go? Nothing more is kept of it; what is in your record stays. (y/n) `;
  if (!yes && !isYes(await dialog.ask(question))) throw new Error('nothing was changed');
  await pairing.unpair(device);
  dialog.say('Unpaired, in effect now.');
}

/** `which`: beginning of a device's id, a colon, and the user's number. */
export async function claimUser(pairing: PairingClient, dialog: Dialog, which: string, yes: boolean): Promise<void> {
  const [, begins, user] = /^([0-9a-f]+):(\d{1,3})$/.exec(which) ?? [];
  if (begins === undefined) throw new Error('--claim is a device and a user, such as 1a2b3c4d:2');
  const { held } = await pairing.state();
  const one = held.find(({ device, userIndex }) => device.startsWith(begins) && userIndex === Number(user));
  if (!one) throw new Error('no measurements of that user wait; see --list');
  dialog.say(CONSENT_WORDS);
  const question = `Are the ${one.count} measurements of user ${one.userIndex} yours, and do you consent? (y/n) `;
  if (!yes && !isYes(await dialog.ask(question))) throw new Error('nothing was changed');
  await pairing.consentTo(one.device);
  await pairing.claim(one.gateway, one.device, one.userIndex);
  dialog.say('They are yours.');
}

/** What a stranger's device calls itself must not steer a terminal. */
function plain(text: string): string {
  return text.replaceAll(/\p{C}/gu, '');
}

function nameOf({ name }: { readonly name?: string }): string {
  return name === undefined ? 'A wearable without a name' : plain(name);
}

/** dBm in words: what is within arm's reach is stronger than -60. */
function signalText(rssi: number): string {
  if (rssi >= -60) return 'strong';
  return rssi >= -80 ? 'good' : 'weak';
}

async function askPasskey(dialog: Dialog): Promise<number> {
  for (;;) {
    const digits = (await dialog.ask('Which six digits? ')).trim();
    if (/^\d{6}$/.test(digits)) return Number(digits);
    dialog.say('Six digits, as the display shows them.');
  }
}

async function askNumber(dialog: Dialog, question: string, count: number): Promise<number> {
  for (;;) {
    const number = Number(await dialog.ask(question));
    if (Number.isInteger(number) && number >= 1 && number <= count) return number - 1;
  }
}

function isYes(answer: string): boolean {
  return /^\s*y(?:es)?\s*$/i.test(answer);
}
