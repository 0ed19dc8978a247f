/** `npm run consent`: a patient's consent from the command line, with the patient's key, against a running service. */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { encodeHex } from '../protocol/bytes.ts';
import { ALL_CLASSES, type GrantTerms } from '../protocol/consent-event.ts';
import { isFault } from '../protocol/fault.ts';
import { allVitalSigns, vitalSignByName } from '../protocol/vital-signs.ts';
import { DEFAULT_PORT } from './config.ts';
import { openPatientKey, readPatientKey } from './keyring.ts';
import { createPatientClient, type DisclosureView, type GrantView, type PatientClient } from './patient-client.ts';

const HELP = `Usage: npm run consent -- COMMAND --key FILE [options]

  key           make the key file, if there is none, and print its public half
  grant         let somebody see readings, or let them be collected
  revoke        end a grant, at once and for good
  list          all grants, ended ones too
  disclosures   who has seen what
  erase         destroy everything of the patient, for good, and save the certificate of it

  --key FILE      the patient's key file, such as DIR/keys/patients/ada.json
  --service URL   the running service (default http://127.0.0.1:${DEFAULT_PORT})
  --to ID         grant: who may see, such as htest-eye-doctor; without it, the grant is to collect
  --class NAME    grant: a class of vital signs; may be repeated; without it, all of them
  --until TIME    grant: ends then, such as 2027-01-01T00:00:00Z; without it, when it is revoked
  --grant ID      revoke: which grant, as "list" names it
  --yes           erase: without it, it is only said what would be done
  --out FILE      erase: where the certificate goes (default erasure-ID.json)
  --erasure ID    erase: fetch the newest certificate of an erasure that was asked for before
  --json          one JSON object a line
  --help          this text

Classes: ${allVitalSigns()
  .map(({ name }) => name)
  .join(', ')}
`;

const OPTIONS = {
  key: { type: 'string' },
  service: { type: 'string', default: `http://127.0.0.1:${DEFAULT_PORT}` },
  to: { type: 'string' },
  class: { type: 'string', multiple: true },
  until: { type: 'string' },
  grant: { type: 'string' },
  yes: { type: 'boolean', default: false },
  out: { type: 'string' },
  erasure: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>>['values'];

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const [command, ...more] = positionals;
  const act = command === undefined ? undefined : COMMANDS[command];
  const isKey = command === 'key';
  if (!(act || isKey) || more.length > 0)
    throw new Error('name one command: key, grant, revoke, list, disclosures or erase');
  if (values.key === undefined) throw new Error("--key names the patient's key file");
  if (!act) {
    const publicKey = encodeHex(openPatientKey(values.key).publicKey);
    print(values, { publicKey }, publicKey);
    return;
  }
  if (!URL.canParse(values.service)) throw new Error('--service is a URL');
  const client = createPatientClient(new URL(values.service).origin, readPatientKey(values.key), Date.now);
  await act(client, values);
}

const COMMANDS: Readonly<Record<string, (client: PatientClient, values: Values) => Promise<void>>> = {
  async grant(client, values) {
    const id = await client.grant(termsOf(values));
    print(values, { granted: id }, `Granted. To end it: revoke --grant ${id}`);
  },

  async revoke(client, values) {
    if (values.grant === undefined) throw new Error('--grant names the grant; "list" shows them');
    await client.revoke(values.grant);
    print(values, { revoked: values.grant }, 'Revoked, in effect now.');
  },

  async list(client, values) {
    const { grants } = await client.consent();
    for (const grant of grants) print(values, grant, describeGrant(grant));
    if (grants.length === 0 && !values.json) process.stdout.write('Nothing is granted to anybody.\n');
  },

  async disclosures(client, values) {
    const disclosures = await client.disclosures();
    for (const disclosure of disclosures) print(values, disclosure, describeDisclosure(disclosure));
    if (disclosures.length === 0 && !values.json) process.stdout.write('Nobody has seen anything.\n');
  },

  async erase(client, values) {
    if (values.erasure === undefined && !values.yes) {
      throw new Error('this destroys every reading, key, grant and disclosure, for good; --yes does it');
    }
    const id = values.erasure ?? (await client.erase());
    if (!/^[a-z2-7]{26}$/.test(id)) throw new Error('--erasure is an id as "erase" printed it');
    // Said at once: the keys are gone, and the id is the only way to the certificate.
    if (values.erasure === undefined) process.stderr.write(`Erased. Erasure ${id}; waiting for its certificate.\n`);
    const out = values.out ?? `erasure-${id}.json`;
    writeFileSync(out, await fetchCertificate(client, id));
    print(
      values,
      { erasure: id, certificate: out },
      `The certificate is in ${out}. Check it: npm run verify -- ${out}`,
    );
  },
};

const CERTIFICATE_WAIT_MS = 60_000;

/** Waits while it is being verified and logged. */
async function fetchCertificate(client: PatientClient, id: string): Promise<string> {
  for (const until = Date.now() + CERTIFICATE_WAIT_MS; ; await pause(500)) {
    try {
      return await client.certificate(id);
    } catch (error) {
      if (!isFault(error, 'missing') || Date.now() > until) throw error;
    }
  }
}

function termsOf({ to, class: classes = [ALL_CLASSES], until }: Values): GrantTerms {
  const unknown = classes.find((name) => name !== ALL_CLASSES && !vitalSignByName(name));
  if (unknown !== undefined) throw new Error(`there is no class "${unknown}"; --help lists them`);
  const end = until === undefined ? undefined : Date.parse(until);
  if (Number.isNaN(end)) throw new Error('--until is a time such as 2027-01-01T00:00:00Z');
  const period = { from: Date.now(), ...(end !== undefined && { to: end }) };
  if (to === undefined) return { action: 'collect', classes, period };
  return { action: 'disclose', grantee: to, purposes: ['TREAT'], classes, period };
}

function describeGrant({ id, action, classes, grantee, from, to, revokedAt }: GrantView): string {
  const what = classes.includes(ALL_CLASSES) ? 'everything' : classes.join(', ');
  const who = action === 'collect' ? 'collect' : `shown to ${grantee?.name ?? grantee?.id}`;
  const end = revokedAt ? `revoked ${revokedAt}` : to ? `until ${to}` : 'in force';
  return `${id}  ${who}: ${what}; from ${from}; ${end}`;
}

function describeDisclosure({ at, kind, who, classes, count, why }: DisclosureView): string {
  const what = kind === 'denied' ? `refused. ${why ?? ''}` : `${kind}, ${count} reading${count === 1 ? '' : 's'}`;
  return `${at}  ${who.name ?? who.id}: ${what}${classes.length > 0 ? ` [${classes.join(', ')}]` : ''}`;
}

function print({ json }: Values, object: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(object) : text}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`consent: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = 1;
});
