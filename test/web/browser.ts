// Chromium for the page's tests: builds the page into a folder of its own and opens it against the stand-in API.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll } from 'vitest';
import { build } from 'vite';
import type { Job } from '../../src/web/api.ts';
import { packagePath } from '../../src/package-root.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

export const CHROMIUM = '/usr/bin/chromium';
/** Whether there is a browser to test in. */
export const hasChromium = existsSync(CHROMIUM);

export const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface Bench {
  /** A page on a new stand-in API with these jobs; closes the one opened before. */
  readonly open: (jobs: Job[], hash: string, options?: Parameters<Browser['newPage']>[0]) => Promise<Opened>;
}

interface StartedBench extends Bench {
  readonly close: () => Promise<void>;
}

export interface Opened {
  readonly page: Page;
  readonly api: FakeApi;
  /** What the browser complained about, missing files and broken rules of content security among it. */
  readonly complaints: string[];
}

/** The bench of a test file, there from its first test to its last; none where there is no browser. */
export function useBench(): Bench {
  let bench: StartedBench | undefined;
  beforeAll(async () => {
    if (hasChromium) bench = await startBench();
  }, 60_000);
  afterAll(() => bench?.close());
  return {
    open: async (...what) => {
      if (bench === undefined) throw new Error('bug: a test opened the page without a browser');
      return bench.open(...what);
    },
  };
}

/** Builds the page once and starts a browser. */
async function startBench(): Promise<StartedBench> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-page-'));
  const configFile = packagePath('vite.config.ts');
  await build({ configFile, logLevel: 'warn', build: { outDir: folder, emptyOutDir: true } });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  let last: { page: Page; api: FakeApi } | undefined;
  const closeLast = async () => {
    await last?.page.close();
    await last?.api.close();
    last = undefined;
  };
  return {
    open: async (jobs, hash, options) => {
      await closeLast();
      const api = await startFakeApi(folder, jobs);
      const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options });
      last = { page, api };
      page.setDefaultTimeout(10_000);
      const complaints: string[] = [];
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      await page.goto(`${api.address}${hash}`);
      return { page, api, complaints };
    },
    close: async () => {
      await closeLast();
      await browser.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A text without the spaces that only steer line breaks. */
export function plain(text: string | null): string {
  return (text ?? '')
    .replaceAll(/[\u00a0\u202f]/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
