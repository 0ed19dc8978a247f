/** A JSON-RPC endpoint in front of another, through which a test loses, delays and forges what passes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rpcOf } from './anvil.ts';

/** Answers in the endpoint's place, or `undefined` to let it through; `ask` reaches the real one. */
export type Meddle = (method: string, params: readonly unknown[], ask: () => Promise<unknown>) => unknown;

export interface RpcTap {
  readonly url: string;
  /** Methods asked for, oldest first. */
  readonly asked: string[];
  /** What is done with requests from now on; `down` breaks the connection, `slow` never answers. */
  meddle: Meddle | 'down' | 'slow' | undefined;
  close(): Promise<void>;
}

export async function tapRpc(target: string): Promise<RpcTap> {
  const real = rpcOf(target);
  const asked: string[] = [];
  const tap = { url: '', asked, meddle: undefined as RpcTap['meddle'], close };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { id, method, params = [] } = JSON.parse(Buffer.concat(chunks).toString());
    asked.push(method);
    if (tap.meddle === 'down') return request.socket.destroy();
    if (tap.meddle === 'slow') return;
    const ask = () => real(method, ...params);
    const answer = await Promise.resolve(tap.meddle?.(method, params, ask))
      .then(async (forged) => ({ result: forged === undefined ? await ask() : forged }))
      .catch((error: Error) => ({ error: { code: -32000, message: error.message } }));
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  tap.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function close(): Promise<void> {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  return tap;
}
