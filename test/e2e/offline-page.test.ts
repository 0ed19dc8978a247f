/** The page that verifies receipts, as a stranger opens it: from a disk, in a real browser, with the network off. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { drawReceiptCode } from '../../ingest-service/receipt-qr.ts';
import { encodeUtf8 } from '../../protocol/bytes.ts';
import { codeOfReceipt } from '../../protocol/receipt-code.ts';
import { decodeReceiptFile } from '../../protocol/receipt-file.ts';
import { packReceipts } from '../../protocol/receipt-pack.ts';
import { encodeTrust } from '../../protocol/trust.ts';
import { ALTERED_RECEIPTS, GENUINE_RECEIPT } from '../support/altered-receipts.ts';
import { buildBatch, PARTIES, readingLeaves, receiptOf, trustIn } from '../support/receipt-builder.ts';
import { BROWSER, launchBrowser } from './browser.ts';

if (!BROWSER) console.log('offline page: skipped, there is no Chromium here (CHROMIUM can name one)');

const PAGE = new URL('../../verifier/dist/verify.html', import.meta.url);

describe.skipIf(!BROWSER)('the offline page', () => {
  let browser: Browser;
  let page: Page;
  let folder: string;
  const asked: string[] = [];
  const broken: string[] = [];

  beforeAll(async () => {
    if (!existsSync(PAGE)) throw new Error('there is no page yet: npm run build');
    folder = mkdtempSync(join(tmpdir(), 'veravita-page-'));
    browser = await launchBrowser();
    const context = await browser.newContext({ viewport: { width: 900, height: 1200 } });
    await context.setOffline(true);
    page = await context.newPage();
    page.on('request', (request) => asked.push(request.url()));
    page.on('pageerror', (error) => broken.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && broken.push(message.text()));
    await page.goto(pathToFileURL(PAGE.pathname).href);
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Gives files to the page, and waits until it shows as many verdicts. */
  async function choose(files: Readonly<Record<string, string | Uint8Array>>, verdicts: number): Promise<void> {
    const paths = Object.entries(files).map(([name, text]) => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    });
    await page.setInputFiles('#files', paths);
    await page.waitForFunction((count) => document.querySelectorAll('.verdict').length === count, verdicts);
  }

  const newest = () => page.locator('.verdict').first();

  it('proves nothing before it knows whom to trust, and then a good receipt', async () => {
    await choose({ 'receipt.json': GENUINE_RECEIPT }, 1);
    expect(await newest().getAttribute('data-verdict')).toBe('not-provable');
    await choose({ 'trust.json': encodeTrust(trustIn(PARTIES)) }, 1);
    await page.waitForSelector('.verdict[data-verdict=genuine]');
    const text = await newest().innerText();
    expect(text).toContain('Genuine');
    expect(text).toContain('170 /min');
    expect(text).toContain('TEST DATA');
    expect(await page.locator('#limits li').count()).toBeGreaterThan(2);
    if (process.env.VERAVITA_SCREENSHOTS) {
      await page.screenshot({ path: join(process.env.VERAVITA_SCREENSHOTS, 'verify.png'), fullPage: true });
    }
  });

  it('refuses each of forty altered ones by the right step', async () => {
    let shown = 1;
    for (const { what, step, text } of ALTERED_RECEIPTS) {
      await choose({ 'altered.json': text }, ++shown);
      expect(await newest().getAttribute('data-verdict'), what).not.toBe('genuine');
      const failed = newest().locator('[data-step]:not([data-result=holds])').first();
      expect(await failed.getAttribute('data-step'), what).toBe(step);
    }
    expect(shown).toBe(41);
  });

  it('checks many packed receipts at once, and one from a picture of its code', async () => {
    const [first] = decodeReceiptFile(encodeUtf8(GENUINE_RECEIPT));
    const before = await page.locator('.verdict').count();
    await choose({ 'one.cbor': packReceipts([first!]) }, before + 1);
    expect(await newest().getAttribute('data-verdict')).toBe('genuine');
    const leaves = ['06aa', '06ab'].flatMap((hex) => readingLeaves({ characteristic: 0x2a37, hex }));
    const batch = buildBatch(leaves, PARTIES.agent);
    await choose({ 'day.cbor': packReceipts(leaves.map((_, i) => receiptOf(batch, i))) }, before + 2);
    expect(await newest().innerText()).toContain('2 receipts, all genuine');
    await choose({ 'code.svg': drawReceiptCode(codeOfReceipt(first!)!) }, before + 3);
    expect(await newest().getAttribute('data-verdict')).toBe('genuine');
    expect(await newest().innerText()).toContain('170 /min');
  });

  it('takes what is dropped on it, and shows names as text', async () => {
    const before = await page.locator('.verdict').count();
    const transfer = await page.evaluateHandle((text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], '<img src=x onerror=alert(1)>.json'));
      return data;
    }, GENUINE_RECEIPT);
    await page.dispatchEvent('#drop', 'drop', { dataTransfer: transfer });
    await page.waitForFunction((count) => document.querySelectorAll('.verdict').length === count, before + 1);
    expect(await newest().getAttribute('data-verdict')).toBe('genuine');
    expect(await page.locator('img').count()).toBe(0);
  });

  it('asked for nothing but itself, cannot ask, and nothing broke', async () => {
    expect(asked.filter((url) => !url.startsWith('blob:'))).toEqual([pathToFileURL(PAGE.pathname).href]);
    expect(broken).toEqual([]);
    const answer = await page.evaluate(() => fetch('http://127.0.0.1:9/').then(String, (error) => String(error)));
    expect(answer).toContain('TypeError');
    expect(broken.join(' ')).toContain('Content Security Policy');
  });
});
