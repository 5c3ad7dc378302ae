// Pulling and verifying from the page, on the real server with a stand-in for the hub, in Chromium.
import { afterAll, describe, expect, it, vi } from 'vitest';
import { findPythia } from '../../src/suite/pythia/models.ts';
import { startFakeHub, type FakeHub } from '../support/fake-hub.ts';
import { auditByAxe, useRealPage } from '../support/real-page.ts';
import { revisionFiles, weightsFile } from '../support/tiny-pythia.ts';
import { hasChromium } from '../web/browser.ts';

vi.setConfig({ testTimeout: 240_000 });
const model = findPythia('pythia-14m')!;
const PATIENCE = { timeout: 120_000 }; // each errand is a process that compiles its sources

let hub: FakeHub;
const real = useRealPage(undefined, async () => {
  const [early, end] = [1, 2].map((seed) => revisionFiles(model, weightsFile(model.size, seed)));
  const revisions = { step132000: early!, main: end! };
  hub = await startFakeHub({ [model.repo]: { revisions } });
  return { endpoint: hub.endpoint, token: hub.token };
});
afterAll(() => (hub as FakeHub | undefined)?.close());

describe.skipIf(!hasChromium)('the catalog on the real server, in Chromium', () => {
  it('pulls a checkpoint with progress, cancels and goes on, lists it without closing the model, and verifies it', async () => {
    let release = () => {};
    const until = new Promise<void>((resolve) => (release = resolve));
    for (let i = 0; i < 2; i++) {
      hub.faults.push({ path: /model\.safetensors/, fault: { kind: 'cut', after: 5_000_000, until } });
    }
    const { page, complaints } = await real.open('#/catalog?name=pythia-14m', {
      viewport: { width: 390, height: 844 },
    });
    const card = page.locator('li', { has: page.getByText('pythia-14m', { exact: true }) });
    await card.locator('summary').click();
    await card.getByLabel('Checkpoint of pythia-14m to fetch').selectOption('step132000');
    await card.getByRole('button', { name: 'Pull step132000' }).press('Enter');
    const status = card.getByRole('group', { name: 'Pull of pythia-14m step132000' });
    await status.getByRole('progressbar').waitFor(PATIENCE);
    await status.getByText(/MB of .*MB/).waitFor(PATIENCE);
    expect(await auditByAxe(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    await status.getByRole('button', { name: 'Cancel' }).press('Enter');
    await status.getByText('cancelled. Pull again: it goes on where it stopped.').waitFor(PATIENCE);
    release();
    hub.faults.length = 0;

    await card.getByRole('button', { name: 'Pull step132000' }).press('Enter');
    await card.getByText('✓ step132000 is here.').waitFor(PATIENCE);
    await card.getByText('1 of 154 checkpoints here').waitFor();
    await card.getByLabel('Checkpoint of pythia-14m to verify').selectOption('step132000');
    await card.getByRole('button', { name: 'Verify step132000' }).press('Enter');
    await card.getByText('✓ no fault was found.').waitFor(PATIENCE);
    expect(await card.getByRole('row', { name: /step132000: tensors ✓ ok/ }).count()).toBe(1);
    expect(await auditByAxe(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    expect(complaints).toEqual([]);
  });
});
