/** Builds the three pages into `dist/`; nothing is inlined, because the pages are served without leave for inline code. */
import { defineConfig } from 'vite';

const here = import.meta.dirname;

export default defineConfig({
  root: here,
  base: '/',
  publicDir: false,
  cacheDir: `${here}/../node_modules/.vite`,
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: `${here}/dist`,
    emptyOutDir: true,
    target: ['chrome137', 'firefox129', 'safari17.4'], // the first with Ed25519 in WebCrypto
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: { clinic: `${here}/clinic.html`, patient: `${here}/patient.html`, 'sign-in': `${here}/sign-in.html` },
    },
  },
});
