/**
 * Preloaded for the positive control: the service says that it holds a batch, and appends it to the inbox a moment later. A
 * kill in between loses what was acknowledged, and a suite that does not notice proves nothing.
 */
import { registerHooks } from 'node:module';

const HONEST = 'await inbox.append(';
const EARLY = 'void ((later) => setTimeout(() => inbox.append(later).catch(() => undefined), 150))(';

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith('/ingest-service/intake.ts')) return loaded;
    const source = Buffer.from(loaded.source as Uint8Array).toString('utf8');
    if (!source.includes(HONEST)) throw new Error('the intake is not as this control knows it');
    return { ...loaded, source: source.replace(HONEST, EARLY) };
  },
});
