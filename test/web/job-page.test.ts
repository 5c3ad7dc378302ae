import { describe, expect, it } from 'vitest';
import { hasChromium, useBench, plain } from './browser.ts';
import { editsAt, FROM, lossAt, makeEdits, makeJob, makeMetrics, makeRunningJob, makeScores, TO } from './fake-jobs.ts';

const bench = useBench();

describe.skipIf(!hasChromium)('the view of a job, in Chromium', () => {
  it('draws the stored steps and then each new one, also after the connection broke', async () => {
    const job = makeRunningJob(0, 20);
    const { page, api, complaints } = await bench.open([job], `#/jobs/${job.id}`);
    api.state.metrics.set(job.id, makeMetrics(20));
    await page.reload();
    const table = page.getByRole('region', { name: 'Edits in each step as a table' });
    await page.getByRole('button', { name: 'Edits in each step as a table' }).click();
    await page.waitForFunction(() => document.querySelectorAll('figure table tbody tr').length === 20);
    const step = (at: number) => ({
      arm: 'intervention',
      step: at,
      lossNats: lossAt('intervention', at),
      learningRate: 1e-5,
      tokensPerSecond: 4e3,
      numEdits: editsAt('intervention', at),
    });
    const send = (at: number) => api.send(job.id, 'step', step(at));
    send(FROM + 20);
    await table.getByRole('rowheader', { name: '1,350' }).waitFor();

    const numConnections = api.state.resumedFrom.length;
    api.dropStreams();
    send(FROM + 21); // sent while nobody listens
    await table.getByRole('rowheader', { name: '1,351' }).waitFor();
    send(FROM + 21); // sent twice
    send(FROM + 22);
    await table.getByRole('rowheader', { name: '1,352' }).waitFor();
    expect(api.state.resumedFrom.slice(numConnections)).toEqual(['1']);
    expect(await table.locator('tbody tr').count()).toBe(23);
    expect(plain(await table.locator('tbody tr').nth(21).innerText())).toBe(
      `1,351 – ${editsAt('intervention', 1351).toFixed(1)}`,
    );
    expect(complaints.filter((text) => !/ERR_INCOMPLETE_CHUNKED|ERR_EMPTY|ERR_CONNECTION/.test(text))).toEqual([]);
  });

  it('moves its bars with the stream, between two looks at the record', async () => {
    const job = makeRunningJob(0, 20);
    const { page, api } = await bench.open([job], `#/jobs/${job.id}`);
    await page.getByText('live', { exact: true }).waitFor();
    const arm = { step: FROM + 61, from: FROM, to: TO, lossNats: 1.9, tokensPerSecond: 4_180, phase: 'training' };
    api.send(job.id, 'progress', { arms: { control: arm }, secondsLeft: 39 });
    await page.getByText('About 39 s left in all.').waitFor();
    expect(await page.getByRole('progressbar', { name: 'Progress of control' }).getAttribute('aria-valuenow')).toBe(
      '61',
    );
  });

  it('shows how far the burn-in is while the arms wait for it, and the arms after it', async () => {
    const progress = { arms: {}, burnIn: { numDone: 16, numSteps: 64, lossNats: 1.5 }, secondsLeft: null };
    const job = makeJob(0, 'running', {}, { arms: [], progress });
    const { page, api } = await bench.open([job], `#/jobs/${job.id}`);
    await page.getByText('16 of 64 steps before the checkpoint · loss 1.500').waitFor();
    const bar = page.getByRole('progressbar', { name: 'Progress of the burn-in' });
    expect(await bar.getAttribute('aria-valuenow')).toBe('25');
    await page.getByText('live', { exact: true }).waitFor();
    api.send(job.id, 'progress', { ...progress, burnIn: { ...progress.burnIn, numDone: 63 } });
    await page.getByText('63 of 64 steps before the checkpoint').waitFor();
    api.replaceJob(job.id, { ...makeRunningJob(0, 1), id: job.id });
    await page.getByRole('progressbar', { name: 'Progress of control' }).waitFor();
    expect(await bar.count()).toBe(0);
  });

  it('draws on its canvas', async () => {
    const job = makeJob(0, 'succeeded', {});
    const { page, api } = await bench.open([], '');
    api.state.jobs = [job];
    api.state.metrics.set(job.id, makeMetrics(100));
    await page.goto(`${api.address}#/jobs/${job.id}?tab=training`);
    const colours = await page.waitForFunction(() => {
      const canvas = document.querySelector<HTMLCanvasElement>('figure canvas');
      if (canvas === null || canvas.width === 0) return false;
      const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height); // a canvas of uPlot is 2d
      let numStrong = 0;
      for (let at = 0; at < data.length; at += 4) {
        const [red, green, blue, alpha] = data.slice(at, at + 4);
        if (alpha === 255 && red! > 150 && green! < 100 && blue! < 60) numStrong += 1; // the colour of the intervention
      }
      return numStrong > 300;
    });
    expect(await colours.jsonValue()).toBe(true);
    const label = await page.locator('figure .plot').first().getAttribute('aria-label');
    expect(label).toMatch(/^Loss \(nats per token\) over steps\. control: from 1\.\d+ to 1\.\d+ at step 1429\. /);
  });

  it('takes the job to its end without a reload, and asks for no more events then', async () => {
    const job = makeRunningJob(0, 99);
    const { page, api } = await bench.open([job], `#/jobs/${job.id}?tab=result`);
    await page.getByText('live', { exact: true }).waitFor();
    api.state.scores.set(job.id, makeScores(TO));
    api.replaceJob(job.id, { ...makeJob(0, 'succeeded', {}), id: job.id, name: job.name });
    api.send(job.id, 'state', { state: 'succeeded', attempt: 1 });
    await page.getByRole('heading', { name: 'nano-crows-pairs' }).waitFor();
    await page.getByText('✓ succeeded').waitFor();
    const numConnections = api.state.resumedFrom.length;
    await page.waitForTimeout(500); // five times the retry time that the stream asked for
    expect(api.state.resumedFrom.length).toBe(numConnections);
    expect(await page.title()).toBe('succeeded: half of the documents – Tiresias');
  });

  it('shows what was published beside the scores made here, with its warnings', async () => {
    const job = makeJob(0, 'succeeded', {});
    const { page, api } = await bench.open([job], '');
    const place = { benchmark: 'nano-crows-pairs', protocol: 'likelihood', step: TO };
    const published = {
      ...{ ...place, publishedBenchmark: 'crows-pairs-revised', model: 'pythia-70m-deduped', condition: 'sweep' },
      ...{
        metric: 'pctStereotype',
        value: 0.554,
        standardError: 0.012,
        numItems: 1677,
        source: 'https://example.org/a',
      },
      warnings: [{ label: 'half precision', detail: 'sums were fp16' }],
    };
    const elsewhere = { ...published, step: TO - 1000, value: 0.111 };
    api.state.scores.set(job.id, { ...makeScores(TO), published: [elsewhere, published] });
    await page.goto(`${api.address}#/jobs/${job.id}`);
    const table = page.getByRole('table', { name: 'Published figures beside nano-crows-pairs, likelihood' });
    await table.waitFor();
    const cells = (await table.locator('tbody td').allInnerTexts()).map(plain);
    expect(cells).toEqual([
      '55.4 % ± 1.2 % original training, sweep over all models, crows-pairs-revised, n = 1,677',
      ...['91.2 %', '91.2 %', expect.stringMatching(/^52\.\d %$/) as string, 'half precision'],
    ]);
    await page.getByText('half precision: sums were fp16').waitFor();
    expect(await page.getByText('Published figures of').count()).toBe(1); // none beside the other benchmark
  });

  it('gives every score its interval and n, and names what is only shifted', async () => {
    const job = makeJob(0, 'succeeded', {});
    const { page, api } = await bench.open([job], '');
    api.state.scores.set(job.id, makeScores(TO));
    await page.goto(`${api.address}#/jobs/${job.id}`);
    const table = page.getByRole('table', {
      name: 'Scores of nano-winobias, likelihood: value, 95 % interval and number of items',
    });
    await table.waitFor();
    const cells = await table.locator('tbody td').allInnerTexts();
    expect(cells.length).toBe(15);
    for (const cell of cells) expect(plain(cell)).toMatch(/^−?\d+\.\d+ (%|nats) \[.+, .+\], n = \d+$/);
    expect(plain(await page.locator('.headline').innerText())).toContain(
      '95 % interval [−51.0, −44.0], p < 0.001 for these two trained models (exact McNemar), n = 240, step 1,430',
    );
    expect(plain(await page.locator('.headline').innerText())).toContain(
      'shifted, not debiased proRate is 0.50 overall',
    );
    expect(plain(await page.locator('.halves-row').nth(2).innerText())).toContain(
      'masculine (M) 0.0 % [0.0, 4.0], n = 120 · feminine (F) 100.0 %',
    );
  });

  it('draws the intervals of the forest plot where their figures say', async () => {
    const job = makeJob(0, 'succeeded', {});
    const { page, api } = await bench.open([job], '');
    const scores = makeScores(TO);
    api.state.scores.set(job.id, scores);
    await page.goto(`${api.address}#/jobs/${job.id}`);
    const track = page.locator('.effects tbody tr', { hasText: 'Pro-stereotype rate' }).first().locator('svg.track');
    await track.waitFor();
    const places = await track.evaluate((svg) => {
      const { left, width } = svg.getBoundingClientRect();
      const middle = (part: string) => {
        const box = svg.querySelector(part)!.getBoundingClientRect(); // every track has these parts
        return (box.left + box.right) / 2 - left;
      };
      const interval = svg.querySelector('.interval')!.getBoundingClientRect(); // as above
      return {
        width,
        rule: middle('.rule'),
        value: middle('path'),
        low: interval.left - left,
        high: interval.right - left,
      };
    });
    const effect = scores.effects.find(
      ({ metric, step, benchmark }) => metric === 'proRate' && step === TO && benchmark === 'nano-winobias',
    )!; // in the fake scores
    // The widest interval of all rates ends at one hundred points, and the scale goes five per cent further.
    const placeOf = (value: number) => places.width * (0.5 + value / 2.1);
    expect(places.rule).toBeCloseTo(placeOf(0), 0);
    expect(places.value).toBeCloseTo(placeOf(effect.value!), 0);
    expect(places.low).toBeCloseTo(placeOf(effect.interval![0]), 0); // the fake gives every effect an interval
    expect(places.high).toBeCloseTo(placeOf(effect.interval![1]), 0);
  });

  it('proves the rewriting: edits by rule, and samples with the changed words marked', async () => {
    const job = makeJob(0, 'succeeded', {});
    const { page, api } = await bench.open([job], '');
    api.state.edits.set(job.id, makeEdits(40));
    await page.goto(`${api.address}#/jobs/${job.id}?tab=edits`);
    await page.getByText('4,000 edits in 1,287 of 1,600 rows').waitFor();
    expect(await page.locator('.samples li').count()).toBe(6);
    const first = page.locator('.samples li .text').first();
    expect(await first.locator('del').allInnerTexts()).toEqual(['he']);
    expect(await first.locator('ins').allInnerTexts()).toEqual(['she']);
    expect(plain(await first.innerText())).toBe(
      '… evening, and the plumber said he she would mend his own roof before…',
    );
    await page.getByRole('button', { name: 'Show more samples' }).click();
    await page.waitForFunction(() => document.querySelectorAll('.samples li').length === 12);
    await page.getByRole('button', { name: 'only these: reflexive' }).click();
    await page.getByRole('heading', { name: 'Samples of reflexive' }).waitFor();
    expect(page.url()).toContain('rule=reflexive');
  });

  it('cancels only after a second yes', async () => {
    const job = makeRunningJob(0, 5);
    const { page, api } = await bench.open([job], `#/jobs/${job.id}`);
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    expect(api.state.jobs[0]?.state).toBe('running');
    await page.getByRole('button', { name: 'Cancel job' }).click();
    await page.getByRole('button', { name: 'Yes, cancel it' }).click();
    await page.getByText('cancelling').waitFor();
    expect(api.state.jobs[0]?.state).toBe('cancelling');
  });

  it('says why a job failed and what to do', async () => {
    const job = makeJob(0, 'failed', {}, { reason: 'out-of-memory', message: 'wanted 3.1 GB of 3.0 GB' });
    const { page } = await bench.open([job], `#/jobs/${job.id}`);
    await page.getByText('The machine ran out of memory').waitFor();
    expect(await page.getByText('wanted 3.1 GB of 3.0 GB').isVisible()).toBe(true);
    expect(await page.getByText('smaller micro-batch size').isVisible()).toBe(true);
  });

  it('retries a failed job, and offers that of no failure that would come again', async () => {
    const full = makeJob(0, 'failed', {}, { reason: 'storage', message: 'ENOSPC: the disk is full' });
    const { page, api } = await bench.open([full], `#/jobs/${full.id}`);
    await page.getByRole('button', { name: 'Retry from the last checkpoint' }).click();
    await page.getByText('queued').first().waitFor();
    expect(api.state.jobs[0]?.state).toBe('queued');
    const unchanged = makeJob(1, 'failed', {}, { reason: 'no-edits' });
    const other = await bench.open([unchanged], `#/jobs/${unchanged.id}`);
    await other.page.getByText('No pronoun was changed in the whole window').waitFor();
    expect(await other.page.getByRole('button', { name: 'Retry' }).count()).toBe(0);
  });

  it('says so when there is no such job', async () => {
    const { page } = await bench.open([], '#/jobs/none');
    await page.getByText('there is no job none').waitFor();
  });
});
