/**
 * Builds the page into one HTML file that works from a disk, without a network: script and style are put into it, and its
 * policy allows these two by their hashes, pictures that are in the page already, and nothing else.
 */
import { createHash } from 'node:crypto';
import { defineConfig, type Plugin } from 'vite';

const here = import.meta.dirname;

const hashOf = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

function singleFile(): Plugin {
  return {
    name: 'single-file',
    enforce: 'post',
    generateBundle(_options, bundle) {
      let script = '';
      let style = '';
      for (const [name, part] of Object.entries(bundle)) {
        if (part.type === 'chunk') script += part.code;
        else if (name.endsWith('.css')) style += String(part.source);
        else continue;
        delete bundle[name];
      }
      // What ends a script element in HTML cannot stand in one, not even in a string.
      script = script.replaceAll('</script', '<\\/script').trim();
      const policy = `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; img-src blob:; base-uri 'none'; form-action 'none'`;
      const page = bundle['verify.html'];
      if (page?.type !== 'asset') throw new Error('there is no page to put it into');
      page.source = String(page.source)
        .replace(/\s*<script\b[^>]*><\/script>/g, '')
        .replace(/\s*<link rel="(?:stylesheet|modulepreload)"[^>]*>/g, '')
        .replace(
          /(<meta charset="utf-8" \/>)/,
          (meta) => `${meta}\n    <meta http-equiv="Content-Security-Policy" content="${policy}" />`,
        )
        .replace('</head>', () => `<style>${style}</style></head>`)
        .replace('</body>', () => `<script type="module">${script}</script></body>`);
    },
  };
}

export default defineConfig({
  root: here,
  base: './',
  publicDir: false,
  cacheDir: `${here}/../../node_modules/.vite-verifier`,
  plugins: [singleFile()],
  build: {
    outDir: `${here}/../dist`,
    emptyOutDir: true,
    target: ['chrome111', 'firefox114', 'safari16.4'],
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: { input: { verify: `${here}/verify.html` } },
  },
});
