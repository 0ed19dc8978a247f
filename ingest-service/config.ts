/** The configuration of a service that runs alone. The only file here that sees the environment. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KAFKA_ADDRESS_FORM, type KafkaAddress, readKafkaAddress } from '../journal/kafka/address.ts';
import { MAX_REASON } from '../protocol/key-event.ts';
import type { DeviceAssignment } from './record/agents.ts';

/** Orders of erasure, beside the record; backed up apart from it, and never put back older than it is. */
export const ERASURES_FILE = 'erasures.list';

export const DEFAULT_HTTP_PORT = 8080;
export const DEFAULT_MQTT_PORT = 1883;
const DEFAULT_HOST = '127.0.0.1';

export const HELP = `Usage: npm run ingest [-- options]
       npm run ingest -- patient --name NAME --public-key KEY [--live] [--data DIR]
       npm run ingest -- code --patient ID --device ADDRESS[,random] ... [--data DIR]
       npm run ingest -- agents | quarantine [--json] [--data DIR]
       npm run ingest -- rotate | unfreeze --agent ID [--data DIR]
       npm run ingest -- revoke-agent --agent ID --reason WORDS [--data DIR]
       npm run ingest -- accept | reject --batch ID | --agent ID [--data DIR]
       npm run ingest -- erase --patient ID --yes [--data DIR]

Without a command: runs the service with its MQTT broker, and beside it the ledger writer, each a process of its
own over one data directory. No simulators.

  --data DIR           data directory (VERAVITA_DATA; default ./data); a second start on it continues
  --port N             HTTP port (VERAVITA_PORT; default ${DEFAULT_HTTP_PORT}; 0: any free one)
  --mqtt-port N        MQTT port (VERAVITA_MQTT_PORT; default ${DEFAULT_MQTT_PORT}); agents remember it
  --host ADDRESS       address to listen on (VERAVITA_HOST; default ${DEFAULT_HOST}). Any other is open to the
                       network without TLS
  --broker-url URL     what agents are told as the broker's address (VERAVITA_BROKER_URL), where it is not
                       mqtt://HOST:MQTT-PORT
  --journal URL        where the journals are, if not in SQLite below the data directory (VERAVITA_JOURNAL):
                       ${KAFKA_ADDRESS_FORM}
  --tls-cert FILE      certificate chain (PEM) for HTTP and MQTT (VERAVITA_TLS_CERT); with --tls-key FILE (VERAVITA_TLS_KEY)
  --tls-client-ca FILE authorities (PEM) of the agents' certificates (VERAVITA_TLS_CLIENT_CA): MQTT then takes no
                       connection without one of theirs
  --pages DIR          folder of the built pages (default: consoles/dist, if it is there)

Commands for the operator; they work beside a running service and on the data of a stopped one:

  patient              admits a patient by the public half of their first key, and prints their id here
    --name NAME        name in the record
    --public-key KEY   32 octets in hex, as "npm run consent -- key --key FILE" prints it
    --live             a real patient; without it they are marked as test data
  code                 prints a one-time code that enrols one agent within 15 minutes
    --patient ID       as "patient" printed it
    --device ADDRESS   a wearable's Bluetooth address; with ",random" where it is not a public one; may be repeated
  agents               lists agents: state, newest batch, what is missing, what waits
  rotate               lets an agent make a new key; it does so when it is next connected
  revoke-agent         ends an agent: connections within seconds; what it still delivers waits for a decision
    --reason WORDS     one line of at most 120 characters; whoever gets a receipt can read it
  quarantine           lists the batches of revoked agents that wait for a decision
  accept, reject       files such a batch, or leaves a tombstone of it
    --batch ID         that one; or
    --agent ID         all that wait of an agent
  unfreeze             lets an agent whose key signed two histories go on from the one that was taken
    --agent ID         as "agents" lists it
  --json               lists as JSON

  erase                orders, without the patient's signature, that everything of a patient be destroyed, such as a
                       court or a supervisory authority may order; prints the erasure's id, by which the certificate
                       can be had at /api/erasures/ID. A running service does it at once, a stopped one when it starts
    --patient ID       as "patient" printed it
    --yes              there is no way back

  --help               this text

Ctrl-C stops cleanly.
`;

export interface RunSettings {
  readonly data: string;
  readonly httpPort: number;
  readonly mqttPort: number;
  readonly host: string;
  readonly brokerUrl?: string;
  readonly pages?: string;
  /** The journals are there; in SQLite where it is missing. */
  readonly kafka?: KafkaAddress;
  /** Files in PEM. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
}

export interface PatientSettings {
  readonly data: string;
  readonly name: string;
  /** Ed25519, 32 octets in hex. */
  readonly publicKey: string;
  readonly test: boolean;
}

export interface CodeSettings {
  readonly data: string;
  readonly assignments: readonly DeviceAssignment[];
}

export interface DataSettings {
  readonly data: string;
  readonly json: boolean;
}

export interface AgentSettings {
  readonly data: string;
  readonly agent: string;
}

export interface RevokeSettings extends AgentSettings {
  readonly reason: string;
}

export interface DecideSettings {
  readonly data: string;
  /** One of the two. */
  readonly agent?: string;
  readonly batch?: string;
  readonly decision: 'accepted' | 'rejected';
}

export interface EraseSettings {
  readonly data: string;
  readonly patient: string;
}

/** What to do, a wish for help, or everything that is wrong with the arguments. */
export type IngestConfig =
  | { readonly kind: 'run'; readonly settings: RunSettings }
  | { readonly kind: 'patient'; readonly settings: PatientSettings }
  | { readonly kind: 'code'; readonly settings: CodeSettings }
  | { readonly kind: 'agents' | 'quarantine'; readonly settings: DataSettings }
  | { readonly kind: 'rotate' | 'unfreeze'; readonly settings: AgentSettings }
  | { readonly kind: 'revoke-agent'; readonly settings: RevokeSettings }
  | { readonly kind: 'accept' | 'reject'; readonly settings: DecideSettings }
  | { readonly kind: 'erase'; readonly settings: EraseSettings }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

const OPTIONS = {
  data: { type: 'string' },
  port: { type: 'string' },
  'mqtt-port': { type: 'string' },
  host: { type: 'string' },
  'broker-url': { type: 'string' },
  journal: { type: 'string' },
  pages: { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  name: { type: 'string' },
  'public-key': { type: 'string' },
  live: { type: 'boolean' },
  patient: { type: 'string' },
  device: { type: 'string', multiple: true },
  agent: { type: 'string' },
  batch: { type: 'string' },
  reason: { type: 'string' },
  json: { type: 'boolean' },
  yes: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

type Values = ReturnType<typeof parse>['values'];
type OptionName = keyof typeof OPTIONS;

/** Which options go with which command, besides `--data` and `--help`. */
const BELONGS: Readonly<Record<Exclude<IngestConfig['kind'], 'help' | 'refused'>, readonly OptionName[]>> = {
  run: ['port', 'mqtt-port', 'host', 'broker-url', 'journal', 'pages', 'tls-cert', 'tls-key', 'tls-client-ca'],
  patient: ['name', 'public-key', 'live'],
  code: ['patient', 'device'],
  agents: ['json'],
  quarantine: ['json'],
  rotate: ['agent'],
  unfreeze: ['agent'],
  'revoke-agent': ['agent', 'reason'],
  accept: ['agent', 'batch'],
  reject: ['agent', 'batch'],
  erase: ['patient', 'yes'],
};

export function readIngestConfig(argv: readonly string[], env: NodeJS.ProcessEnv = process.env): IngestConfig {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (error) {
    return refuse([`${(error as Error).message.split('. ')[0]}; --help tells what there is`]);
  }
  const { values, positionals } = parsed;
  if (values.help) return { kind: 'help' };
  const [command = 'run', ...more] = positionals;
  if (!isCommand(command) || more.length > 0) return refuse(['there is no such command; --help lists them']);
  const problems = (Object.keys(values) as OptionName[])
    .filter((name) => name !== 'data' && !BELONGS[command].includes(name))
    .map((name) => `--${name} does not go with ${command === 'run' ? 'running the service' : command}`);
  const data = resolve(values.data ?? env.VERAVITA_DATA ?? 'data');
  const config = READERS[command](data, values, env, problems);
  return problems.length > 0 ? refuse(problems) : config;
}

function readTls(values: Values, env: NodeJS.ProcessEnv, problems: string[]): Pick<RunSettings, 'tls'> {
  const cert = values['tls-cert'] ?? env.VERAVITA_TLS_CERT;
  const key = values['tls-key'] ?? env.VERAVITA_TLS_KEY;
  const clientCa = values['tls-client-ca'] ?? env.VERAVITA_TLS_CLIENT_CA;
  if ((cert === undefined) !== (key === undefined)) problems.push('--tls-cert and --tls-key go together');
  if (clientCa !== undefined && cert === undefined) problems.push('--tls-client-ca needs --tls-cert');
  if (cert === undefined || key === undefined) return {};
  return {
    tls: { cert: resolve(cert), key: resolve(key), ...(clientCa !== undefined && { clientCa: resolve(clientCa) }) },
  };
}

function isCommand(text: string): text is keyof typeof BELONGS {
  return Object.hasOwn(BELONGS, text);
}

type Reader = (data: string, values: Values, env: NodeJS.ProcessEnv, problems: string[]) => IngestConfig;

const READERS: Readonly<Record<keyof typeof BELONGS, Reader>> = {
  run(data, values, env, problems) {
    const portOf = (name: 'port' | 'mqtt-port', variable: string, fallback: number) => {
      const text = values[name] ?? env[variable] ?? String(fallback);
      const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
      if (!(port <= 65_535)) problems.push(`--${name} is a whole number from 0 to 65535`);
      return port;
    };
    const httpPort = portOf('port', 'VERAVITA_PORT', DEFAULT_HTTP_PORT);
    const mqttPort = portOf('mqtt-port', 'VERAVITA_MQTT_PORT', DEFAULT_MQTT_PORT);
    if (httpPort === mqttPort && httpPort !== 0) problems.push('--port and --mqtt-port are the same');
    const host = values.host ?? env.VERAVITA_HOST ?? DEFAULT_HOST;
    if (!/^[\w.:-]+$/.test(host)) problems.push('--host is an address or a name');
    const brokerUrl = values['broker-url'] ?? env.VERAVITA_BROKER_URL;
    if (brokerUrl !== undefined && !(URL.canParse(brokerUrl) && /^(mqtts?|wss?):\/\//.test(brokerUrl))) {
      problems.push('--broker-url is not an MQTT URL');
    }
    if (brokerUrl === undefined && ['0.0.0.0', '::'].includes(host)) {
      problems.push('--broker-url is missing: agents cannot connect to "every address"');
    }
    const journal = values.journal ?? env.VERAVITA_JOURNAL;
    const kafka = journal === undefined ? undefined : readKafkaAddress(journal);
    if (kafka && 'problems' in kafka) problems.push(...kafka.problems);
    const { pages } = values;
    const told = {
      ...(kafka && 'address' in kafka && { kafka: kafka.address }),
      ...readTls(values, env, problems),
      ...(brokerUrl !== undefined && { brokerUrl }),
      ...(pages !== undefined && { pages: resolve(pages) }),
    };
    return { kind: 'run', settings: { data, httpPort, mqttPort, host, ...told } };
  },

  patient(data, values, _env, problems) {
    const { name = '', 'public-key': publicKey = '', live = false } = values;
    if (name.trim() === '' || name.length > 200) problems.push('--name is the name of the patient');
    if (!/^[\da-f]{64}$/i.test(publicKey)) problems.push('--public-key is 32 octets in hex');
    if (!live && !name.includes('HTEST')) problems.push('the name of a test patient contains HTEST; or say --live');
    return { kind: 'patient', settings: { data, name: name.trim(), publicKey, test: !live } };
  },

  code(data, values, _env, problems) {
    const { patient = '', device = [] } = values;
    if (!/^[a-z2-7]{26}$/i.test(patient)) problems.push('--patient is an id as "patient" printed it');
    if (device.length === 0) problems.push('--device is missing');
    const assignments = device.map((text) => {
      const [, address = '', type] = /^([\da-f]{2}(?::[\da-f]{2}){5})(?:,(random|public))?$/i.exec(text) ?? [];
      if (!address)
        problems.push('--device is six octets in hex with colons, and ",random" where the address is random');
      const addressType = type?.toLowerCase() === 'random' ? ('random' as const) : ('public' as const);
      return { patient, address: address.toLowerCase(), addressType };
    });
    return { kind: 'code', settings: { data, assignments } };
  },

  agents: (data, { json = false }) => ({ kind: 'agents', settings: { data, json } }),
  quarantine: (data, { json = false }) => ({ kind: 'quarantine', settings: { data, json } }),
  rotate: (data, values, _env, problems) => ({
    kind: 'rotate',
    settings: { data, agent: readId('agent', values.agent, problems) },
  }),
  unfreeze: (data, values, _env, problems) => ({
    kind: 'unfreeze',
    settings: { data, agent: readId('agent', values.agent, problems) },
  }),
  'revoke-agent'(data, values, _env, problems) {
    const { reason = '' } = values;
    if (reason.trim() === '' || reason.length > MAX_REASON || /\p{Cc}/u.test(reason)) {
      problems.push(`--reason is one line of at most ${MAX_REASON} characters`);
    }
    return { kind: 'revoke-agent', settings: { data, agent: readId('agent', values.agent, problems), reason } };
  },
  accept: (data, values, _env, problems) => ({
    kind: 'accept',
    settings: { data, ...readChoice(values, problems), decision: 'accepted' },
  }),
  reject: (data, values, _env, problems) => ({
    kind: 'reject',
    settings: { data, ...readChoice(values, problems), decision: 'rejected' },
  }),
  erase(data, { patient = '', yes = false }, _env, problems) {
    if (!/^[a-z2-7]{26}$/.test(patient)) problems.push('--patient is an id as "patient" printed it');
    if (!yes) problems.push('this destroys everything of the patient, for good; --yes does it');
    return { kind: 'erase', settings: { data, patient } };
  },
};

function readChoice({ agent, batch }: Values, problems: string[]): { agent?: string; batch?: string } {
  if ((agent === undefined) === (batch === undefined)) problems.push('either --batch or --agent says what is decided');
  if (batch !== undefined) return { batch: readId('batch', batch, problems) };
  return { agent: readId('agent', agent, problems) };
}

function readId(name: 'agent' | 'batch', text: string | undefined, problems: string[]): string {
  if (!/^[a-z2-7]{52}$/.test(text ?? '')) problems.push(`--${name} is an id of 52 characters, as the lists show it`);
  return text ?? '';
}

/** Paths of the service below a data directory. */
export function servicePaths(data: string) {
  return {
    directory: join(data, 'service'),
    record: join(data, 'service', 'record.sqlite'),
    erasures: join(data, 'service', ERASURES_FILE),
    /** Held for as long as a service runs. */
    lock: join(data, 'service', 'running.sqlite'),
    inbox: join(data, 'service', 'inbox.sqlite'),
    commitments: join(data, 'service', 'commitments.sqlite'),
    positions: join(data, 'service', 'positions.sqlite'),
    /** Indexes of journals in Kafka. */
    indexes: join(data, 'kafka', 'service'),
    keys: join(data, 'keys', 'service'),
    log: join(data, 'log'),
    logKey: join(data, 'keys', 'log', 'log.vkey'),
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}

function refuse(problems: readonly string[]): IngestConfig {
  return { kind: 'refused', problems };
}
