/** `GET /api/feed`: server-sent events (WHATWG HTML §9.2) of what the signed-in person may see. */
import type { FastifyInstance } from 'fastify';
import { requireIdentity } from './access.ts';
import type { AppDeps } from './app.ts';

/** Often enough that proxies and browsers see a living connection. */
const KEEP_ALIVE_MS = 15_000;
/** A reader that falls this far behind is cut off; the page reconnects and asks again. */
const MAX_UNSENT_OCTETS = 1024 * 1024;

export function addFeedRoutes(app: FastifyInstance, { feed, sessions, counters, onClose }: AppDeps): void {
  app.get('/api/feed', (request, reply) => {
    const who = requireIdentity(sessions, request);
    reply.hijack();
    const { raw } = reply;
    let closed = false;
    let close = () => {};
    const end = () => {
      if (closed) return;
      closed = true;
      clearInterval(beat);
      forget();
      raw.end();
      try {
        close();
      } catch {
        counters.add('feed.unnoted'); // the note of the end could not be written; that of the beginning was
      }
    };
    const write = (text: string) => {
      if (closed) return;
      raw.write(text);
      if (raw.writableLength > MAX_UNSENT_OCTETS) raw.destroy();
    };
    const beat = setInterval(() => (sessions.isOpen(request) ? write(': alive\n\n') : end()), KEEP_ALIVE_MS);
    const forget = onClose(end);
    raw.on('close', end);
    raw.on('error', end);
    raw.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    write(': open\n\n');
    close = feed.open(who, {
      // Written in the tick in which consent was asked, so that no revocation can come in between.
      send: (message) => write(`event: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`),
      end,
      cutBacklog: () => void (raw.writableLength > 0 && raw.destroy()),
    });
  });
}
