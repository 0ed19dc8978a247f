/** A witness over HTTP/1.1: one path, one method, bodies that are bounded in size and time. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ADD_CHECKPOINT_PATH } from '../../protocol/add-checkpoint.ts';
import { decodeUtf8 } from '../../protocol/bytes.ts';
import { isFault } from '../../protocol/fault.ts';
import type { Outcome, Witness } from './witness.ts';

/** A checkpoint with 16 of the longest signatures there are has about 110 KiB. */
export const MAX_BODY = 256 * 1024;

/** From the first octet of a request to its last. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 256;

/** How requests end; besides those of the witness, what never came to it. */
export type Ending = Outcome | 'too-large' | 'not-found' | 'not-post' | 'unavailable';

export interface WitnessServerConfig {
  readonly witness: Witness;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Told how each request ended; nothing of what it held. */
  readonly onEnd?: (ending: Ending) => void;
  /** Told when the state could not be written, or of a bug; the request was answered 503. */
  readonly onError?: (error: unknown) => void;
}

export interface WitnessServer {
  /** The submission prefix. */
  readonly url: string;
  /** Takes no more requests and ends those that are open. */
  close(): Promise<void>;
}

export async function startWitnessServer(config: WitnessServerConfig): Promise<WitnessServer> {
  const { witness, host = '127.0.0.1', port, onEnd = () => {}, onError = () => {} } = config;

  function end(response: ServerResponse, ending: Ending, status: number, contentType: string, body: string): void {
    onEnd(ending);
    response.writeHead(status, { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) });
    response.end(body);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refuse = (ending: Ending, status: number) => {
      // What is not read of the body must not become the next request.
      response.setHeader('Connection', 'close');
      end(response, ending, status, 'text/plain', `${ending}\n`);
    };
    if (request.url !== ADD_CHECKPOINT_PATH) return refuse('not-found', 404);
    if (request.method !== 'POST') {
      response.setHeader('Allow', 'POST');
      return refuse('not-post', 405);
    }
    const bytes = await readBody(request);
    if (bytes === undefined) return refuse('too-large', 413);
    let text: string;
    try {
      text = decodeUtf8(bytes);
    } catch {
      return refuse('malformed', 400);
    }
    const { outcome, status, contentType, body } = witness.addCheckpoint(text);
    end(response, outcome, status, contentType, body);
  }

  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, connectionsCheckingInterval: 1000 },
    (request, response) => {
      answer(request, response).catch((error: unknown) => {
        if (response.destroyed) return; // the client went away
        onError(error);
        if (response.headersSent) return void response.destroy();
        end(response, 'unavailable', 503, 'text/plain', isFault(error) ? `${error.code}\n` : 'failed\n');
      });
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, port, host);
  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

/** The whole body, or undefined when it is longer than is read. Rejects when the client goes away. */
async function readBody(request: IncomingMessage): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY) return undefined;
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
