/** `npm run simulate -- record`: a relay between a host and a controller that keeps what passes in a btsnoop file. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { encodeHeader, encodeRecord } from './btsnoop/btsnoop-file.ts';
import { relayRecorded } from './btsnoop/record-relay.ts';
import { type H4Place, listenForHosts } from './hci/h4-server.ts';

export interface RecordSettings {
  /** Where a host connects. */
  readonly place: H4Place;
  /** The controller. */
  readonly upstream: { readonly path: string } | { readonly host: string; readonly port: number };
  /** Must not be there yet. */
  readonly file: string;
}

export interface RadioRecorder {
  readonly port: number | undefined;
  /** Packets so far. */
  readonly packets: number;
  /** Ends what is connected, and the file. */
  close(): Promise<void>;
}

/** Starts listening; each host gets a connection of its own to the controller, one at a time. */
export async function recordRadio(
  { place, upstream, file }: RecordSettings,
  clock: { now(): number },
  tell: (line: string) => void,
): Promise<RadioRecorder> {
  const descriptor = openSync(file, 'wx', 0o600);
  writeSync(descriptor, encodeHeader());
  let packets = 0;
  let connected: Socket | undefined;
  const server: Server = createServer({ noDelay: true }, (host) => {
    if (connected) {
      host.destroy();
      return;
    }
    connected = host;
    const controller = createConnection({ ...upstream, noDelay: true });
    let isThere = false;
    controller.once('connect', () => {
      isThere = true;
      tell('a host is connected');
    });
    void relayRecorded({
      host,
      controller,
      clock,
      onRecord(record) {
        packets++;
        writeSync(descriptor, encodeRecord(record));
      },
    }).then((why) => {
      connected = undefined;
      if (!isThere) tell('no controller answers');
      else tell(why === 'ended' ? 'the connection ended' : 'what passed was not H4');
    });
  });
  const port = await listenForHosts(server, place);
  return {
    port,
    get packets() {
      return packets;
    },
    async close() {
      connected?.destroy();
      await new Promise((resolve) => server.close(resolve));
      closeSync(descriptor);
    },
  };
}
