// The built page on the real API over a real database whose rows were made by code (seeded-jobs.ts), in Chromium:
//   const real = useRealPage();  …  const { page, complaints } = await real.open(`#/jobs/${id}`);
// Pictures are written to docs/screenshots only where TIRESIAS_SCREENSHOTS=1.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import { CHROMIUM, FLAGS, hasChromium } from '../web/browser.ts';
import { startTestService, type ServiceOptions, type TestService } from './service.ts';

export interface RealPage {
  readonly service: TestService;
  /** Opens the page at a view; `complaints` are what the browser says of it. */
  readonly open: (hash: string, options?: Parameters<Browser['newPage']>[0]) => Promise<OpenedPage>;
}

interface StartedPage extends RealPage {
  readonly close: () => Promise<void>;
}

export interface OpenedPage {
  readonly page: Page;
  readonly complaints: string[];
}

const VIEWPORT = { width: 1280, height: 900 };

/** Browser, page and database take a minute where other things run, and rows of many scores three. */
const READY_WITHIN_MS = 400_000;

/**
 * The real page of a test file, there from its first test to its last, its rows made by `prepare`; none where there is no browser. With a hub, which is started
 * before it, its server pulls and verifies.
 */
export function useRealPage(
  prepare: (real: RealPage) => unknown = () => undefined,
  startHub: () => Promise<ServiceOptions['hub']> = () => Promise.resolve(undefined),
): RealPage {
  let started: StartedPage | undefined;
  beforeAll(async () => {
    if (!hasChromium) return;
    started = await startRealPage(await startHub());
    await prepare(started);
  }, READY_WITHIN_MS);
  afterAll(() => started?.close());
  const real = () => {
    if (started === undefined) throw new Error('bug: a test used the page without a browser');
    return started;
  };
  return {
    get service() {
      return real().service;
    },
    open: (...what) => real().open(...what),
  };
}

/** Fills the form of a new job: four steps of four rows, the smaller benchmark every other step; the rest is what the form holds by itself. */
export async function fillSmallJob(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('a number of steps').check();
  await page.getByLabel('Steps', { exact: true }).fill('4');
  await page.getByText('Training', { exact: true }).click();
  await page.getByLabel('Rows per step').fill('4');
  await page.getByText('Evaluation', { exact: true }).click();
  await page.getByLabel('choose').check();
  await page.getByLabel('nano-winobias', { exact: true }).uncheck();
  await page.getByLabel('Every', { exact: true }).fill('2');
}

/** Builds the page and starts database, API and browser; no worker. */
async function startRealPage(hub: ServiceOptions['hub']): Promise<StartedPage> {
  const webFolder = mkdtempSync(join(tmpdir(), 'tiresias-page-'));
  const outDir = { outDir: webFolder, emptyOutDir: true }; // not dist/web, which may be older than the sources
  await build({ configFile: packagePath('vite.config.ts'), logLevel: 'warn', build: outDir });
  const service = await startTestService({ webFolder, ...(hub && { hub }) });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  return {
    service,
    open: async (hash, options) => {
      const page = await browser.newPage({ viewport: VIEWPORT, ...options });
      page.setDefaultTimeout(20_000);
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      await page.goto(`${service.url}/${hash}`);
      return { page, complaints };
    },
    close: async () => {
      await browser.close();
      await service.stop();
      rmSync(webFolder, { recursive: true });
    },
  };
}

/** Pictures of what is in view, light and dark, as docs/screenshots/NAME-light.png and NAME-dark.png; only where they are asked for. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env['TIRESIAS_SCREENSHOTS'] !== '1') return;
  const folder = packagePath('docs', 'screenshots');
  mkdirSync(folder, { recursive: true });
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.waitForTimeout(300); // charts draw anew in the next frame
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), animations: 'disabled' });
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

interface Violation {
  readonly rule: string;
  readonly elements: readonly string[];
}

/** What axe finds wrong in the page as it is, light and dark. */
export async function auditByAxe(page: Page): Promise<Violation[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const found: Violation[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    await page.evaluate(source); // not as a script tag, which the page's content security policy refuses
    found.push(
      ...(await page.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run: () => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
        };
        const { violations } = await axe.run();
        return violations.map(({ id, nodes }) => ({ rule: id, elements: nodes.map(({ html }) => html) }));
      })),
    );
  }
  await page.emulateMedia({ colorScheme: null });
  return found;
}
