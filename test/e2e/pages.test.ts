/**
 * The two pages in a real browser over the real service: five wearables, verified badges, a grant revoked by a key that
 * the browser made, and a chiropractor who sees nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Demo, startDemo } from '../../simulators/demo.ts';
import { BROWSER, launchBrowser } from './browser.ts';

if (!BROWSER) console.log('pages: skipped, there is no Chromium here (CHROMIUM can name one)');

/** Where to leave screenshots for the README; none unless asked for. */
const SHOTS = process.env.VERAVITA_SCREENSHOTS;

describe.skipIf(!BROWSER)('pages', () => {
  let directory: string;
  let demo: Demo;
  let browser: Browser;
  let links: string[];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'veravita-pages-'));
    demo = await startDemo({ directory, port: 0, seed: 1, speed: 1 });
    links = demo.greeting.match(/http\S+\/sign-in\/\S+/g) ?? [];
    browser = await launchBrowser();
  });

  afterAll(async () => {
    await browser?.close();
    await demo?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function open(link: string | undefined, dark = false): Promise<Page> {
    const context = await browser.newContext({
      viewport: { width: 1280, height: 900 },
      colorScheme: dark ? 'dark' : 'light',
    });
    const page = await context.newPage();
    await page.goto(link ?? '');
    return page;
  }

  async function shoot(page: Page, name: string, fullPage = true): Promise<void> {
    if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}.png`), fullPage });
  }

  const everyBadgeHolds = (page: Page) =>
    page.waitForFunction(() => {
      const badges = [...document.querySelectorAll('[data-testid=badge-log]')];
      return badges.length >= 5 && badges.every((badge) => badge.getAttribute('data-state') === 'yes');
    });

  it('shows nothing without a sign-in, and a link works once', async () => {
    const page = await open(`${demo.world.service.url}/clinic`);
    await page.waitForSelector('text=/one-time/i');
    expect(await page.content()).not.toContain('HTEST)');
    const used = await fetch(`${demo.world.service.url}/sign-in/unknown`, { redirect: 'manual' });
    expect(used.headers.get('location')).toBe('/sign-in');
    await page.context().close();
  });

  it('shows the eye doctor five verified wearables, and the revocation at once', async () => {
    const clinic = await open(links[2]);
    await clinic.waitForSelector('[data-testid=patient-row]');
    await everyBadgeHolds(clinic);
    const vitals = await clinic.$$eval('[data-testid=vital]', (tiles) =>
      tiles.map((tile) => tile.getAttribute('data-vital')),
    );
    for (const vital of ['heart-rate', 'blood-pressure', 'oxygen-saturation', 'body-temperature', 'glucose']) {
      expect(vitals).toContain(vital);
    }
    expect(await clinic.getByText('Ada Lindqvist').count()).toBeGreaterThan(0);
    expect(await clinic.getByText('Ben Okafor').count()).toBe(0);
    await shoot(clinic, 'clinic');

    const patient = await open(links[0]);
    await patient.waitForSelector('[data-testid=signer-state][data-state=ready]', {
      state: 'attached',
      timeout: 30_000,
    });
    expect(patient.url()).not.toContain('#');
    await everyBadgeHolds(patient);
    expect(await patient.$$eval('[data-testid=device]', (devices) => devices.length)).toBe(5);
    await shoot(patient, 'patient');

    const grant = patient.locator('[data-testid=grant][data-action=disclose]').first();
    await grant.getByTestId('revoke').click();
    await patient.getByTestId('revoke-confirm').click();
    await clinic.waitForSelector('[data-testid=empty]');
    expect(await clinic.content()).not.toContain('Ada');
    await patient.waitForSelector('[data-testid=disclosure]');
    await Promise.all([clinic.context().close(), patient.context().close()]);
  });

  it('shows the chiropractor no name, no number and no patient', async () => {
    const page = await open(links[3]);
    await page.waitForSelector('[data-testid=empty]');
    const text = await page.innerText('body');
    expect(text).not.toMatch(/Ada|Ben|Lindqvist|Okafor/);
    await page.context().close();
  });

  it('is readable in the dark', async () => {
    const page = await open(links[1], true);
    await page.waitForSelector('[data-testid=vital]');
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red = 255] = (background.match(/\d+/g) ?? []).map(Number);
    expect(red).toBeLessThan(80);
    await shoot(page, 'patient-dark', false);
    await page.context().close();
  });
});
