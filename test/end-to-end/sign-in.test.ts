// The built page on a server that asks for tokens, in Chromium: signing in, and a change that carries the token against forged requests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import { describe, expect, it, vi } from 'vitest';
import { packagePath } from '../../src/package-root.ts';
import { startServer } from '../../src/server.ts';
import { createJob } from '../../src/store/jobs.ts';
import { createToken } from '../../src/store/tokens.ts';
import { smallCatalog } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { someSpec } from '../support/jobs.ts';
import { hasChromium } from '../web/browser.ts';

vi.setConfig({ testTimeout: 120_000 });

describe.skipIf(!hasChromium)('the page on a server that asks for tokens', () => {
  it('lets in who shows one, by typing or by the link of the demo, and may then change what the token may', async () => {
    const database = await testDatabase();
    const webFolder = mkdtempSync(join(tmpdir(), 'tiresias-page-'));
    const outDir = { outDir: webFolder, emptyOutDir: true };
    await build({ configFile: packagePath('vite.config.ts'), logLevel: 'warn', build: outDir });
    const parts = { database, catalog: smallCatalog, webFolder, access: 'tokens' } as const;
    const server = await startServer({ host: '127.0.0.1', port: 0 }, parts);
    const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args });
    try {
      const { token } = await createToken(database, { name: 'page', scope: 'submit' });
      const jobs = [];
      for (const name of ['typed', 'linked']) jobs.push(await createJob(database, { spec: someSpec({ name }) }));
      const page = await browser.newPage();
      await page.goto(`${server.url}#/jobs/${jobs[0]!.id}`);
      await page.getByLabel('Token').fill('wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      expect(await page.getByRole('alert').textContent()).toContain('not known');
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('link', { name: 'typed' }).click();
      await page.getByRole('button', { name: 'Cancel job' }).click();
      await page.getByRole('button', { name: 'Yes, cancel it' }).click();
      await page.getByText('cancelled').first().waitFor();

      const other = await (await browser.newContext()).newPage();
      await other.goto(`${server.url}#/sign-in?token=${token}`);
      await other.getByRole('link', { name: 'linked' }).waitFor();
      expect(other.url()).not.toContain(token);
      expect(await other.evaluate(() => document.cookie)).toBe('');
    } finally {
      await browser.close();
      await server.close();
      rmSync(webFolder, { recursive: true });
    }
  });
});
