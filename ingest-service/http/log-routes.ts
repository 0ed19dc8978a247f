/**
 * The log's public files as C2SP tlog-tiles serves them: `/log/checkpoint` and `/log/tile/...`, and beside them what its
 * anchors left: `/log/anchors/...`. Open to everybody.
 */
import type { FastifyInstance } from 'fastify';
import { Fault } from '../../protocol/fault.ts';
import type { AppDeps } from './app.ts';

const LOG_PATH = /^(?:checkpoint|tile\/(?:\d{1,2}|entries)\/(?:x\d{3}\/)*\d{3}(?:\.p\/\d{1,3})?)$/;
const ANCHOR_PATH = /^anchors\/(?:status|[a-z0-9-]{1,64}\/\d{1,16})\.json$/;

export function addLogRoutes(app: FastifyInstance, { receiptSources }: AppDeps): void {
  app.get('/log/*', async (request, reply) => {
    const path = (request.params as Record<string, string>)['*'] ?? '';
    const anchor = ANCHOR_PATH.test(path);
    const file = anchor || LOG_PATH.test(path) ? await receiptSources.readLog(path) : undefined;
    if (!file) throw new Fault('not-found', 'no such file of the log');
    const checkpoint = path === 'checkpoint';
    const type = anchor ? 'application/json' : 'application/octet-stream';
    return reply
      .type(checkpoint ? 'text/plain; charset=utf-8' : type)
      .header('cache-control', checkpoint || anchor ? 'no-cache' : 'public, max-age=31536000, immutable')
      .send(Buffer.from(file));
  });
}
