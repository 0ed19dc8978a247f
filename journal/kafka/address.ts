/** Where the journals are: `kafka://HOST:PORT[,HOST:PORT...][?prefix=NAME&replication=N]`. */

export interface KafkaAddress {
  /** As it was written. */
  readonly url: string;
  /** `host:port`; any of them tells of the others. */
  readonly brokers: readonly string[];
  /** Begins the names of all topics. */
  readonly prefix: string;
  /** Copies of each topic that is created; the broker's own default where it is not said. */
  readonly replication?: number;
}

export const DEFAULT_PREFIX = 'veravita';

/** One line for `--help`. */
export const KAFKA_ADDRESS_FORM = 'kafka://HOST:PORT[,HOST:PORT]?prefix=NAME&replication=N';

const BROKER = /^(?:[\w.-]+|\[[\da-f:]+\]):(\d{1,5})$/i;
const PARAMETERS = ['prefix', 'replication'];

/** The address, or everything that is wrong with the text. */
export function readKafkaAddress(
  text: string,
): { readonly address: KafkaAddress } | { readonly problems: readonly string[] } {
  const [, hosts, query = ''] = /^kafka:\/\/([^/?#]*)\/?(?:\?([^#]*))?$/.exec(text) ?? [];
  if (hosts === undefined) return { problems: [`--journal is ${KAFKA_ADDRESS_FORM}`] };
  const problems: string[] = [];
  const brokers = hosts.split(',');
  for (const broker of brokers) {
    const port = Number(BROKER.exec(broker)?.[1]);
    if (!(port >= 1 && port <= 65_535)) problems.push('--journal: a broker is HOST:PORT');
  }
  const parameters = new URLSearchParams(query);
  for (const name of new Set(parameters.keys())) {
    if (!PARAMETERS.includes(name) || parameters.getAll(name).length > 1) {
      problems.push('--journal: its parameters are prefix and replication, each once');
    }
  }
  const prefix = parameters.get('prefix') ?? DEFAULT_PREFIX;
  // A dot parts the prefix from the name of the journal; Kafka's metrics confuse it with the underscore.
  if (!/^[A-Za-z0-9-]{1,100}$/.test(prefix)) problems.push('--journal: the prefix is letters, digits and hyphens');
  const replication = parameters.get('replication') ?? undefined;
  if (replication !== undefined && !/^[1-9]$/.test(replication)) {
    problems.push('--journal: replication is a number from 1 to 9');
  }
  if (problems.length > 0) return { problems: [...new Set(problems)] };
  return {
    address: { url: text, brokers, prefix, ...(replication !== undefined && { replication: Number(replication) }) },
  };
}

/** Whether all brokers are on this machine. What goes to others goes in the clear. */
export function isLoopback({ brokers }: KafkaAddress): boolean {
  return brokers.every((broker) => /^(?:127(?:\.\d+){3}|\[::1\]|localhost):\d+$/.test(broker));
}
