/** HTTP to the byte: what a client gets on the wire, for tests in which a difference of one byte matters. */
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';

export interface RawRequest {
  readonly path: string;
  readonly method?: string;
  readonly cookie?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly body: string;
  /** Status line, headers but `Date`, and body. */
  readonly bytes: string;
}

/** One request on a connection of its own. */
export async function rawRequest(base: string, request: RawRequest): Promise<RawAnswer> {
  const socket = openRequest(base, { ...request, headers: { connection: 'close', ...request.headers } });
  const all = await text(socket);
  const split = all.indexOf('\r\n\r\n');
  const head = all
    .slice(0, split)
    .split('\r\n')
    .filter((line) => !/^date:/i.test(line));
  const body = all.slice(split + 4);
  return { status: Number(all.slice(9, 12)), body, bytes: `${head.join('\r\n')}\r\n\r\n${body}` };
}

/** An answer that does not end, such as server-sent events. */
export interface RawStream {
  /** Everything so far, head included. */
  readonly text: string;
  close(): void;
}

export function rawStream(base: string, request: RawRequest): RawStream {
  const socket = openRequest(base, request);
  let all = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    all += chunk;
  });
  socket.on('error', () => undefined);
  return {
    get text() {
      return all;
    },
    close: () => socket.destroy(),
  };
}

function openRequest(base: string, { path, method = 'GET', cookie, headers = {}, body = '' }: RawRequest): Socket {
  const { hostname, port } = new URL(base);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${hostname}:${port}`,
    ...(cookie === undefined ? [] : [`cookie: ${cookie}`]),
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...(method === 'GET' ? [] : [`content-length: ${Buffer.byteLength(body)}`]),
  ];
  const socket = connect(Number(port), hostname);
  socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
  return socket;
}
