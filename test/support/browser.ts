// A real browser for tests of pages: Debian's Chromium, or another one that is installed.
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import type { Browser, Page } from 'playwright-core';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executable = PLACES.find(place => existsSync(place));

/** Why there is no browser; undefined if there is one. Where one is required, that is an error. */
export const NO_BROWSER =
  executable === undefined ? 'Skipped: Chromium is not installed (apt-get install chromium).' : undefined;

if (NO_BROWSER !== undefined && process.env.REQUIRE_BROWSER) throw new Error(NO_BROWSER);

/** Starts the browser, without a window. */
export async function startBrowser(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  // As root there is no sandbox, and containers have little shared memory.
  const args = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  return chromium.launch({ executablePath: executable!, args });
}

/** A page and everything that went wrong on it. */
export interface WatchedPage {
  page: Page;
  /** Messages of the console that are errors or warnings, and uncaught errors. */
  complaints: string[];
  /** The addresses that it asked for. */
  requests: string[];
}

/** Opens an empty page. */
export async function newPage(browser: Browser): Promise<WatchedPage> {
  const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
  const watched: WatchedPage = { page, complaints: [], requests: [] };
  page.on('console', message => {
    if (['error', 'warning'].includes(message.type())) watched.complaints.push(message.text());
  });
  page.on('pageerror', error => watched.complaints.push(String(error)));
  page.on('request', request => watched.requests.push(request.url()));
  return watched;
}

/** What axe finds wrong, in light and dark and on a wide and a narrow screen: one line for each rule and place. */
export async function violations(page: Page): Promise<string[]> {
  const found: string[] = [];
  await page.evaluate(axe.source);
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1000, 360]) {
      await page.setViewportSize({ width, height: 800 });
      const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
      for (const { id, nodes } of violations) {
        found.push(...nodes.map(({ target }) => `${colorScheme}, ${width} px: ${id} at ${target.join(' ')}`));
      }
      const isTooWide = await page.evaluate('document.documentElement.scrollWidth > innerWidth');
      if (isTooWide) found.push(`${colorScheme}, ${width} px: the page is wider than the screen`);
    }
  }
  await page.setViewportSize({ width: 1000, height: 800 });
  return found;
}

/** The names of all places that the Tab key leads to, in order. */
export async function tabStops(page: Page): Promise<string[]> {
  const stops: string[] = [];
  await page.evaluate('document.activeElement.blur()');
  for (;;) {
    await page.keyboard.press('Tab');
    const name = (await page.evaluate(
      `document.activeElement === document.body ? '' : document.activeElement.ariaLabel`,
    )) as string;
    if (name === '' || stops.length > 100) return stops;
    const outline = await page.evaluate('getComputedStyle(document.activeElement).outlineStyle');
    stops.push(outline === 'none' ? `${name} (not visible)` : name);
  }
}
