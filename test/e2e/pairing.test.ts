/** Pairing in a real browser: from looking around to a verified first reading, by keyboard alone, and unpairing again. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Demo, startDemo } from '../../simulators/demo.ts';
import { BROWSER, launchBrowser } from './browser.ts';

if (!BROWSER) console.log('pairing: skipped, there is no Chromium here (CHROMIUM can name one)');

/** Where to leave screenshots for the README; none unless asked for. */
const SHOTS = process.env.VERAVITA_SCREENSHOTS;
const NAME = 'HTEST new thermometer';

describe.skipIf(!BROWSER)('pairing', () => {
  let directory: string;
  let demo: Demo;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'veravita-pairing-'));
    demo = await startDemo({ directory, port: 0, seed: 1, speed: 1 });
    browser = await launchBrowser();
    // The second patient has few wearables, and no thermometer.
    const [, link] = demo.greeting.match(/http\S+\/sign-in\/\S+/g) ?? [];
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'dark' });
    page = await context.newPage();
    await page.goto(link ?? '');
    await page.waitForSelector('[data-testid=signer-state][data-state=ready]', { state: 'attached' });
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function shoot(name: string): Promise<void> {
    if (SHOTS) await page.getByTestId('pair').screenshot({ path: join(SHOTS, `${name}.png`) });
  }

  const found = () => page.locator('[data-testid=found]').filter({ hasText: NAME });

  it('ends with a verified first reading, and only then says "paired"', async () => {
    await page.getByTestId('scan').focus();
    await page.keyboard.press('Enter');
    await found().waitFor();
    expect(await found().innerText()).toMatch(/Thermometer[\s\S]*(weak|good|strong)/);
    await shoot('pair-found');

    await found().getByTestId('choose').focus();
    await page.keyboard.press('Enter');
    const submit = page.getByTestId('pair-submit');
    expect(await submit.isDisabled()).toBe(true);
    await page.getByTestId('pair-agree').focus();
    await page.keyboard.press('Space');
    await shoot('pair-consent');
    await submit.press('Enter');

    const pairing = page.getByTestId('pairing');
    await pairing.waitFor();
    expect(await page.locator('.pair-now[aria-live=polite]').count()).toBe(1);
    await shoot('pair-progress');
    await page.waitForSelector('[data-testid=pairing][data-phase=paired]');
    const badges = page.locator('[data-testid=first-reading] .badge');
    expect(await badges.evaluateAll((all) => all.map((badge) => badge.getAttribute('data-state')))).toEqual(
      Array(3).fill('yes'),
    );
    expect(await pairing.innerText()).toContain(`${NAME} is paired.`);
    await shoot('pair-paired');
    await page.locator('[data-testid=device]').filter({ hasText: NAME }).waitFor();
  });

  it('lets it go after a question', async () => {
    await page.getByTestId('pair-done').click();
    const device = page.locator('[data-testid=device]').filter({ hasText: NAME });
    await device.getByTestId('unpair').click();
    await page.getByTestId('unpair-confirm').click();
    await device.getByTestId('unpair').waitFor({ state: 'detached' });
    // It advertises again, and can be chosen again.
    await found().getByTestId('choose').waitFor();
  });

  it('can be stopped while it is under way, and chosen again', async () => {
    await found().getByTestId('choose').click();
    await page.getByTestId('pair-agree').check();
    await page.getByTestId('pair-submit').click();
    await page.getByTestId('pair-stop').click();
    await found().getByTestId('choose').waitFor();
    expect(await page.locator('[data-testid=device]').filter({ hasText: NAME }).getByTestId('unpair').count()).toBe(0);
  });

  it('makes a one-time code for a gateway', async () => {
    await page.getByTestId('gateway-code').locator('summary').click();
    await page.getByRole('button', { name: 'Make a code' }).click();
    expect(await page.locator('.pair-code').innerText()).toMatch(/^[a-z2-7]{16}$/);
  });
});
