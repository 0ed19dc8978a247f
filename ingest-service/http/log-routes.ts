/** The log's public files as C2SP tlog-tiles serves them: `/log/checkpoint` and `/log/tile/...`. Open to everybody. */
import type { FastifyInstance } from 'fastify';
import { Fault } from '../../protocol/fault.ts';
import type { AppDeps } from './app.ts';

const LOG_PATH = /^(?:checkpoint|tile\/(?:\d{1,2}|entries)\/(?:x\d{3}\/)*\d{3}(?:\.p\/\d{1,3})?)$/;

export function addLogRoutes(app: FastifyInstance, { receiptSources }: AppDeps): void {
  app.get('/log/*', async (request, reply) => {
    const path = (request.params as Record<string, string>)['*'] ?? '';
    const file = LOG_PATH.test(path) ? await receiptSources.readLog(path) : undefined;
    if (!file) throw new Fault('not-found', 'no such file of the log');
    const checkpoint = path === 'checkpoint';
    return reply
      .type(checkpoint ? 'text/plain; charset=utf-8' : 'application/octet-stream')
      .header('cache-control', checkpoint ? 'no-cache' : 'public, max-age=31536000, immutable')
      .send(Buffer.from(file));
  });
}
