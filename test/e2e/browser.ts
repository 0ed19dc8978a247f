/** A real Chromium for the end-to-end tests, where there is one. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** Path of a browser on this machine; CHROMIUM names another one. */
export const BROWSER = [process.env.CHROMIUM, ...PATHS].find((path) => path && existsSync(path));

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: BROWSER!,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
