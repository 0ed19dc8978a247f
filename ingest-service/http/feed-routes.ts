/** `GET /api/feed`: server-sent events (WHATWG HTML §9.2) of what the signed-in person may see. */
import type { FastifyInstance } from 'fastify';
import { requireIdentity } from './access.ts';
import type { AppDeps } from './app.ts';

/** Often enough that proxies and browsers see a living connection. */
const KEEP_ALIVE_MS = 15_000;
/** A reader that falls this far behind is cut off; the page reconnects and asks again. */
const MAX_UNSENT_OCTETS = 1024 * 1024;

export function addFeedRoutes(app: FastifyInstance, { feed, sessions, onClose }: AppDeps): void {
  app.get('/api/feed', (request, reply) => {
    const who = requireIdentity(sessions, request);
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.write(': open\n\n');
    const close = feed.open(who, (message) => {
      // Written in the tick in which consent was asked, so that no revocation can come in between.
      raw.write(`event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`);
      if (raw.writableLength > MAX_UNSENT_OCTETS) raw.destroy();
    });
    const beat = setInterval(() => raw.write(': alive\n\n'), KEEP_ALIVE_MS);
    const end = () => {
      clearInterval(beat);
      close();
    };
    raw.on('close', end);
    onClose(() => raw.end());
  });
}
