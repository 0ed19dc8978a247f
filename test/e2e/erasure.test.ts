/** A patient erases her record from her page, in a real browser over the real service, and takes the certificate away. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyErasureCertificate } from '../../protocol/erasure-certificate.ts';
import { type Demo, startDemo } from '../../simulators/demo.ts';
import { BROWSER, launchBrowser } from './browser.ts';

if (!BROWSER) console.log('erasure: skipped, there is no Chromium here (CHROMIUM can name one)');

describe.skipIf(!BROWSER)('erasing from the page', () => {
  const directory = mkdtempSync(join(tmpdir(), 'veravita-erase-page-'));
  let demo: Demo;
  let browser: Browser;

  beforeAll(async () => {
    demo = await startDemo({ directory, port: 0, seed: 1, speed: 1 });
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('takes a typed word, shows that it is done, and gives the certificate', async () => {
    const links = demo.greeting.match(/http\S+\/sign-in\/\S+/g) ?? [];
    const page = await (await browser.newContext()).newPage();
    await page.goto(links[0]!);
    await page.getByTestId('vital').first().waitFor();
    await page.getByTestId('erase').click();
    const confirm = page.getByTestId('erase-confirm');
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByTestId('erase-word').fill('erase');
    expect(await confirm.isDisabled()).toBe(true);
    await page.getByTestId('erase-word').fill('ERASE');
    if (process.env.VERAVITA_SCREENSHOTS) {
      await page.screenshot({ path: join(process.env.VERAVITA_SCREENSHOTS, 'erase.png') });
    }
    await confirm.click();
    await page.getByTestId('erased').waitFor();
    const link = page.getByTestId('erasure-certificate');
    await link.waitFor({ timeout: 30_000 });
    const download = page.waitForEvent('download');
    await link.click();
    const text = readFileSync(await (await download).path(), 'utf8');
    const { log, service } = demo.world;
    const verdict = verifyErasureCertificate(text, { log: log.key, service: service.publicKey });
    expect(['genuine', 'pending']).toContain(verdict.verdict);
    expect(verdict.certificate!.leaves).toBeGreaterThan(0);
    await page.goto(new URL('/patient', links[0]).href);
    await page.waitForURL(/sign-in/);
  });
});
