/** `npm run pair`: pairs a wearable from the command line, with the patient's key, against a running service. */
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { isFault } from '../protocol/fault.ts';
import { DEFAULT_PORT } from './config.ts';
import { readPatientKey } from './keyring.ts';
import { claimUser, type Dialog, listPaired, pairWearable, unpairWearable } from './pair-dialog.ts';
import { createPairingClient } from './pairing-client.ts';
import { createPatientClient } from './patient-client.ts';

const HELP = `Usage: npm run pair -- --key FILE [options]

Looks around with a gateway of yours, lets you choose a wearable, asks for your consent, pairs, and says "paired" only
when the wearable has come back after its first connection and its first reading is verified.

  --key FILE       the patient's key file, such as DIR/keys/patients/ada.json
  --url URL        the running service (default http://127.0.0.1:${DEFAULT_PORT})
  --gateway ID     which gateway, by the beginning of its id; asked for where there are several
  --choose NAME    the wearable with this name; without it, a list to choose from
  --passkey N      the six digits that the wearable shows, where it shows any
  --yes            you consent to collect what it measures
  --list           which wearables are paired
  --unpair ID      let one go, by the beginning of its id as --list shows it; what is in the record stays
  --claim ID:USER  what this user of a device measured is yours, as --list shows it
  --gateway-code   a one-time code to enrol a gateway of yours
  --help           this text
`;

const OPTIONS = {
  key: { type: 'string' },
  url: { type: 'string', default: `http://127.0.0.1:${DEFAULT_PORT}` },
  gateway: { type: 'string' },
  choose: { type: 'string' },
  passkey: { type: 'string' },
  yes: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  unpair: { type: 'string' },
  claim: { type: 'string' },
  'gateway-code': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (values.key === undefined) throw new Error("--key names the patient's key file");
  if (!URL.canParse(values.url)) throw new Error('--url is a URL');
  if (values.passkey !== undefined && !/^\d{6}$/.test(values.passkey)) throw new Error('--passkey is six digits');
  const service = new URL(values.url).origin;
  const pairing = createPairingClient(createPatientClient(service, readPatientKey(values.key), Date.now), Date.now);
  const dialog = openDialog();
  try {
    if (values['gateway-code']) {
      const { code, expiresAt } = await pairing.gatewayCode();
      dialog.say(`Code ${code}, good once and until ${expiresAt}. On the gateway:`);
      dialog.say(`  node run.mjs edge-agent/main.ts --service ${service} --code ${code} --data DIR --hci ADDRESS`);
    } else if (values.list) {
      await listPaired(pairing, dialog);
    } else if (values.claim !== undefined) {
      await claimUser(pairing, dialog, values.claim, values.yes);
    } else if (values.unpair !== undefined) {
      await unpairWearable(pairing, dialog, values.unpair, values.yes);
    } else {
      const { gateway, choose, passkey, yes } = values;
      await pairWearable(pairing, dialog, {
        ...(gateway !== undefined && { gateway }),
        ...(choose !== undefined && { choose }),
        ...(passkey !== undefined && { passkey: Number(passkey) }),
        yes,
      });
    }
  } finally {
    dialog.close();
  }
}

/** The terminal; where there is none, questions are answered by the flags or not at all. */
function openDialog(): Dialog & { close(): void } {
  const { stdin, stdout } = process;
  const lines = stdin.isTTY ? createInterface({ input: stdin, output: stdout }) : undefined;
  return {
    say: (text) => void stdout.write(`${text}\n`),
    ask(question) {
      if (!lines) throw new Error('nobody is here to answer; see --help for the flags that answer beforehand');
      return lines.question(question);
    },
    pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    close: () => lines?.close(),
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`pair: ${isFault(error) || error instanceof Error ? error.message : 'failed'}\n`);
  process.exitCode = 1;
});
