/**
 * The agent's configuration from arguments and environment; nothing else in this folder sees either. A bad one is
 * refused whole, with all its problems.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DEFAULT_BATCH, DEFAULT_HEARTBEAT_MS } from './agent.ts';
import { DEFAULT_CAPACITY_OCTETS } from './capacity.ts';
import type { HciAddress } from './radio/open-controller.ts';
import { createZone } from './zone.ts';

const MIB = 1024 * 1024;
const DEFAULT_CAPACITY_MIB = DEFAULT_CAPACITY_OCTETS / MIB;

export const HELP = `Usage: npm run agent -- --data DIR --service URL [--code CODE] --hci WHERE [options]

Listens to the wearables that were assigned to it and hands their readings, sealed and signed, to the service.

  --data DIR         folder for the agent's state; keys are in DIR/keys unless --keys is given
  --keys DIR         folder for its keys and enrolment
  --host-key FILE    32 octets (or 64 hex digits) from outside this disk, with which the key folder is sealed; without
                     it the credential "host-key" of systemd is taken where there is one
  --service URL      base URL of the ingest service, for enrolment and new signing keys
  --ca FILE          certificates (PEM) that are trusted for https and mqtts, instead of those that come with Node
  --client-cert FILE the agent's own certificate (PEM), where the broker asks for one; with --client-key FILE
  --code CODE        one-time enrolment code, needed on the first start only
  --broker URL       MQTT broker, if it is not where it was at enrolment
  --hci WHERE        Bluetooth controller: native[:N], an adapter of this machine beside the kernel's own stack;
                     user:N, the adapter taken for the agent alone; unix://PATH, or tcp://HOST:PORT, one that
                     speaks H4, which nothing protects and so belongs on loopback
  --btsnoop FILE     record the radio to a file that Wireshark opens; it holds what is measured, and keys
  --one-process      hear in this process instead of one of its own that is started again when it falls
  --live             the controller is real hardware; without it every reading is marked as test data
  --zone ZONE        IANA time zone of devices whose clock has none (default: the machine's)
  --batch N          readings per batch at most, 1 to 5000 (default ${DEFAULT_BATCH.maxLeaves}); while batches wait for the service,
                     up to four times as many, and one closes after four minutes, not by the two below
  --batch-ms N       longest wait of a reading for its batch (default ${DEFAULT_BATCH.maxAgeMs})
  --heartbeat-ms N   longest time without a batch (default ${DEFAULT_HEARTBEAT_MS})
  --capacity MIB     room for what the service has not taken yet (default ${DEFAULT_CAPACITY_MIB}); when it is used up, new readings
                     are refused until it is freed, and coverage says so
  --help             this text

The first four and --hci can also come from VERAVITA_AGENT_DATA, _KEYS, _SERVICE, _CODE and _HCI, the host key's
file from _HOST_KEY.`;

export interface AgentConfig {
  readonly stateDirectory: string;
  readonly keysDirectory: string;
  /** File of the host key. */
  readonly hostKeyFile?: string;
  /** Files in PEM. */
  readonly tlsFiles: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly serviceUrl: string;
  readonly code?: string;
  readonly brokerUrl?: string;
  readonly hci: HciAddress;
  /** File to which the radio is recorded. */
  readonly btsnoop?: string;
  /** Without a process of its own for the radio. */
  readonly oneProcess: boolean;
  readonly live: boolean;
  readonly zone?: string;
  readonly batch: { readonly maxLeaves: number; readonly maxAgeMs: number };
  readonly heartbeatMs: number;
  readonly capacityOctets: number;
}

export type ConfigResult =
  | { readonly kind: 'run'; readonly config: AgentConfig }
  | { readonly kind: 'help' }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

const OPTIONS = {
  data: { type: 'string' },
  keys: { type: 'string' },
  'host-key': { type: 'string' },
  ca: { type: 'string' },
  'client-cert': { type: 'string' },
  'client-key': { type: 'string' },
  service: { type: 'string' },
  code: { type: 'string' },
  broker: { type: 'string' },
  hci: { type: 'string' },
  btsnoop: { type: 'string' },
  'one-process': { type: 'boolean' },
  live: { type: 'boolean' },
  zone: { type: 'string' },
  batch: { type: 'string' },
  'batch-ms': { type: 'string' },
  'heartbeat-ms': { type: 'string' },
  capacity: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Reads arguments (without node and script) and environment. */
export function readConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): ConfigResult {
  let values: ReturnType<typeof parse>;
  try {
    values = parse(args);
  } catch (error) {
    return { kind: 'refused', problems: [(error as Error).message.split('\n')[0]!] };
  }
  if (values.help) return { kind: 'help' };
  const problems: string[] = [];
  const given = (name: 'data' | 'keys' | 'service' | 'code' | 'hci') =>
    values[name] ?? env[`VERAVITA_AGENT_${name.toUpperCase()}`];
  const need = (name: 'data' | 'service' | 'hci'): string => {
    const value = given(name);
    if (!value) problems.push(`--${name} is missing`);
    return value ?? '';
  };
  const count = (name: 'batch' | 'batch-ms' | 'heartbeat-ms' | 'capacity', fallback: number, most: number): number => {
    const text = values[name];
    if (text === undefined) return fallback;
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= 1 && number <= most)) problems.push(`--${name} is a whole number from 1 to ${most}`);
    return number;
  };
  const data = resolve(need('data'));
  const code = given('code');
  const hostKeyFile = values['host-key'] ?? env.VERAVITA_AGENT_HOST_KEY ?? systemdCredential(env);
  const { zone, broker, btsnoop, 'client-cert': cert, 'client-key': key } = values;
  if ((cert === undefined) !== (key === undefined)) problems.push('--client-cert and --client-key go together');
  const config: AgentConfig = {
    stateDirectory: data,
    keysDirectory: resolve(given('keys') ?? join(data, 'keys')),
    ...(hostKeyFile !== undefined && { hostKeyFile: resolve(hostKeyFile) }),
    tlsFiles: {
      ...(values.ca !== undefined && { ca: resolve(values.ca) }),
      ...(cert !== undefined && { cert: resolve(cert) }),
      ...(key !== undefined && { key: resolve(key) }),
    },
    serviceUrl: checkService(need('service'), problems),
    ...(code ? { code } : {}),
    ...(broker === undefined ? {} : { brokerUrl: checkBroker(broker, problems) }),
    hci: checkHci(need('hci'), problems),
    ...(btsnoop === undefined ? {} : { btsnoop: resolve(btsnoop) }),
    oneProcess: values['one-process'] ?? false,
    live: values.live ?? false,
    ...(zone === undefined ? {} : { zone: checkZone(zone, problems) }),
    batch: {
      maxLeaves: count('batch', DEFAULT_BATCH.maxLeaves, 5000),
      maxAgeMs: count('batch-ms', DEFAULT_BATCH.maxAgeMs, 3_600_000),
    },
    heartbeatMs: count('heartbeat-ms', DEFAULT_HEARTBEAT_MS, 3_600_000),
    capacityOctets: count('capacity', DEFAULT_CAPACITY_MIB, 1_000_000) * MIB,
  };
  return problems.length > 0 ? { kind: 'refused', problems } : { kind: 'run', config };
}

/** Where systemd puts what it decrypted for this service (systemd.exec, LoadCredentialEncrypted=). */
function systemdCredential({ CREDENTIALS_DIRECTORY: folder }: Readonly<Record<string, string | undefined>>) {
  const path = folder && join(folder, 'host-key');
  return path && existsSync(path) ? path : undefined;
}

/** The configuration of this process. */
export function readProcessConfig(): ConfigResult {
  return readConfig(process.argv.slice(2), process.env);
}

function parse(args: readonly string[]) {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: false }).values;
}

function checkService(url: string, problems: string[]): string {
  if (url && !/^https?:\/\//.test(url)) problems.push('--service is not an http or https URL');
  else if (url && !URL.canParse(url)) problems.push('--service is not a URL');
  return url;
}

function checkBroker(url: string, problems: string[]): string {
  if (!/^(mqtts?|wss?):\/\//.test(url) || !URL.canParse(url)) problems.push('--broker is not an MQTT URL');
  return url;
}

function checkHci(hci: string, problems: string[]): HciAddress {
  const path = /^unix:\/\/(.+)$/.exec(hci)?.[1];
  if (path) return { kind: 'unix', path };
  const [native, channel, adapter] = /^(native|user)(?::(\d{1,2}))?$/.exec(hci) ?? [];
  if (native && (channel === 'native' || adapter !== undefined)) {
    const which = adapter === undefined ? {} : { adapter: Number(adapter) };
    return { kind: 'native', channel: channel === 'user' ? 'user' : 'raw', ...which };
  }
  // An IPv6 address stands in brackets, as in any URL.
  const [, address, name, digits] = /^tcp:\/\/(?:\[([\da-f:.]+)\]|([\w.-]+)):(\d{1,5})$/i.exec(hci) ?? [];
  const host = address ?? name ?? '';
  const port = Number(digits);
  if (hci && !(host && port >= 1 && port <= 65_535))
    problems.push('--hci is not native[:N], user:N, unix://PATH or tcp://HOST:PORT');
  return { kind: 'tcp', host, port };
}

function checkZone(zone: string, problems: string[]): string {
  try {
    createZone(zone);
  } catch {
    problems.push('--zone is not an IANA time zone');
  }
  return zone;
}
