// `tiresias sweep` as a user runs it, against the real API on a test database.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../src/api/app.ts';
import { settle } from '../../src/store/leases.ts';
import { smallCatalog, somePage, takeJob } from '../support/api.ts';
import { testDatabase } from '../support/database.ts';
import { score, takeNext } from '../support/sweeps.ts';
import { said, tiresias, type Outcome } from './command.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 }); // each command is a process that compiles its sources
const scratch = mkdtempSync(join(tmpdir(), 'tiresias-sweep-'));
const database = await testDatabase();
let server: Server;
let url: string;

beforeAll(async () => {
  const app = createApp({ database, catalog: { ...smallCatalog, checkSpec: () => [] }, webFolder: somePage() });
  server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // it listens on a port
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(scratch, { recursive: true });
});
beforeEach(async () => {
  await database.pool.query('TRUNCATE job, sweep CASCADE');
});

function fileOf(text: string): string {
  const path = join(scratch, 'grid.yaml');
  writeFileSync(path, text);
  return path;
}

const sweep = (words: readonly string[], setting = {}): Promise<Outcome> =>
  tiresias(['sweep', ...words, '--url', url], setting);

const YAML = `# two probabilities
name: some
base: &job
  model: nano-1m
  checkpoint: step1330
  dataset: nano-stories
grid:
  intervention.probability: [0.25, 0.5]
maxParallel: 1
budget: { steps: 1000, hours: 2.5 }
stop:
  - benchmark: nano-winobias
    metric: logOdds
    intervalNarrowerThan: 0.5
`;

describe('a file of tiresias sweep', () => {
  it('is YAML, or the same in JSON', async () => {
    const outcome = await sweep([fileOf(YAML)]);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(outcome.stdout).toMatch(/^sweep [\w-]+: 2 jobs\n[\w-]+ {2}queued {2}some, probability 0.25\n/);
    const json = JSON.stringify(
      {
        name: 'some',
        base: { model: 'nano-1m', checkpoint: 'step1330', dataset: 'nano-stories' },
        grid: { 'intervention.probability': [0.25, 0.5] },
        ...{ maxParallel: 1, budget: { steps: 1000, hours: 2.5 } },
        stop: [{ benchmark: 'nano-winobias', metric: 'logOdds', intervalNarrowerThan: 0.5 }],
      },
      null,
      '\t',
    );
    expect((await sweep(['-'], { stdin: json })).code).toBe(0);
    const [first, second] = await database.prisma.sweep.findMany({ orderBy: { id: 'asc' } });
    const { name, spec, stop, maxParallel, budgetSteps, budgetHours } = first!;
    const one = { name, spec, stop, maxParallel, budgetSteps, budgetHours };
    expect(second).toMatchObject(one);
    expect(one).toMatchObject({ maxParallel: 1, budgetSteps: 1000, budgetHours: 2.5 });
  });

  it.each([
    ['base: {\n  model: a\ngrid: [', /line \d+, column \d+: /],
    ['base: {}\nbase: {}\n', /line 2, column 1: Map keys must be unique/],
    ['base:\n  model: a\n   checkpoint: b\n', /line 2, column 10: Nested mappings/],
    ['base: {}\ngrid: { window.to: [.nan] }\n', /\/grid\/window\.to\/0: expected what JSON can hold/],
    ['base: !!js/function "x"\n', /line 1, column 7: Unresolved tag/],
    ['- a\n- b\n', /expected fields and their values/],
  ])('that is no document says where: %j', async (text, pattern) => {
    const { code, stderr, stdout } = await sweep([fileOf(text)]);
    expect(stderr).toMatch(/^tiresias: \S+grid\.yaml: /);
    expect(stderr).toMatch(pattern);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('is refused with the path and the line of each fault', async () => {
    const faulty = YAML.replace('maxParallel: 1', 'maxParalel: 1')
      .replace('0.25, 0.5', '0.25,\n    1.5')
      .replace('metric: logOdds', 'metric: logOdd');
    const { code, stderr } = await sweep([fileOf(faulty)]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ {2}line 10: \/maxParalel: there is no such field$/m);
    expect(stderr).toMatch(/^ {2}line 14: \/stop\/0\/metric: no metric that has an effect/m);
    const point = await sweep([fileOf(YAML.replace('0.25, 0.5', '0.25,\n    1.5'))]);
    expect(point.stderr).toMatch(/^ {2}line 9: \/grid\/intervention\.probability\/1: Too big/m);
    expect(await database.prisma.sweep.count()).toBe(0);
  });

  it('is planned by --dry-run', async () => {
    const { code, stdout } = await sweep([fileOf(YAML), '--dry-run']);
    expect(stdout).toBe(
      'some: 2 jobs, 4 trainings, of which 1 different controls; 3 trainings when they share their controls; nothing was submitted\n' +
        '1  some, probability 0.25\n2  some, probability 0.5\n',
    );
    expect(code).toBe(0);
    expect(await database.prisma.sweep.count()).toBe(0);
  });
});

describe('the verbs of a sweep', () => {
  async function submit(text = YAML): Promise<string> {
    const { stdout } = await sweep([fileOf(text), '--json']);
    return (JSON.parse(stdout) as { sweep: { id: string } }).sweep.id;
  }

  it('pause, resume, set, add, stop and show it', async () => {
    const id = await submit();
    expect(await sweep(['pause', id])).toEqual({ code: 0, stdout: 'paused\n', stderr: '' });
    expect(JSON.parse((await sweep(['resume', id, '--json'])).stdout)).toMatchObject({ id, state: 'active' });
    expect((await sweep(['set', id, '--max-parallel', '3', '--no-budget'])).stdout).toBe('active\n');
    const more = await sweep(['add', id, fileOf('grid:\n  intervention.probability: [0.75]\n')]);
    expect(more.stdout).toBe(`sweep ${id}: 3 jobs\n`);
    const twice = await sweep(['add', id, fileOf('# a path of no axis\ngrid:\n  window.to: [1400]\n')]);
    expect(twice.stderr).toMatch(/^ {2}line 3: \/grid\/window\.to: the sweep has no such path/m);
    await takeJob(database);
    expect((await sweep(['stop', id])).stdout).toBe('stopped\n');
    const { stdout } = await sweep(['show', id]);
    expect(stdout).toMatch(/^jobs +2 cancelled, 1 running$/m);
    expect(stdout).toMatch(/^at once +3$/m);
    expect(stdout).toMatch(/cancelled +some, probability 0\.75$/m);
    expect((await sweep(['list'])).stdout).toMatch(new RegExp(`^${id} +stopped +2 cancelled, 1 running .* some$`, 'm'));
    expect((await sweep(['cancel', id])).stdout).toBe('cancelled\n');
    const none = await sweep(['pause', 'no-such']);
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining('there is no sweep no-such')]);
  });

  it('watch follows it to its end, and results come in every form', async () => {
    const odds = Array.from({ length: 24 }, (_, i) => (i % 2 === 0 ? 2 : -2));
    const moved = odds.map((value, i) => value - 1 - i / 50);
    const watching = sweep([fileOf(YAML), '--watch'], {
      onStart: (child: Parameters<typeof said>[0]) =>
        void said(child, 'stdout', /^sweep/m).then(async () => {
          await score(database, await takeNext(database), { control: odds, intervention: moved });
          await database.pool.query('UPDATE job SET stop_looked = true');
          const second = await takeNext(database);
          await score(database, second, { control: odds, intervention: moved });
        }),
    });
    const { code, stdout, stderr } = await watching;
    expect(stderr).toContain('some, probability 0.25: succeeded');
    expect(stdout).toMatch(/2 succeeded, 0 failed, 0 cancelled\n$/);
    expect(code).toBe(0);
    const id = (await database.prisma.sweep.findFirstOrThrow()).id;
    expect((await sweep(['results', id])).stdout).toMatch(/^\| job \| state \| intervention\.probability \|/);
    expect((await sweep(['results', id, '--format', 'csv', '--digits', '3'])).stdout).toMatch(
      /,0\.25,1,nano-winobias,likelihood,\{\},logOdds,1430,0,/,
    );
    const json = JSON.parse((await sweep(['results', id, '--json'])).stdout) as { doseResponse: unknown[] };
    expect(json.doseResponse.length).toBeGreaterThan(0);
  });

  it('watch ends when the budget is spent and when a job fails, each with its code', async () => {
    const spent = await submit(YAML.replace(/stop:[^]*/, ''));
    await database.pool.query('UPDATE sweep SET budget_hours = 1');
    const fence = await takeJob(database);
    await database.pool.query("UPDATE attempt SET started_at = clock_timestamp() - interval '2 hours'");
    await settle(database, fence, 'failed', { reason: 'program', message: 'it broke' });
    const first = await sweep(['watch', spent]);
    expect(first.stdout).toMatch(/^0 succeeded, 1 failed, 0 cancelled, 1 not begun: the budget is spent/);
    expect(first.code).toBe(5);
    await sweep(['stop', spent]);
    const second = await sweep(['watch', spent]);
    expect(second.stderr).toContain('some, probability 0.25: failed: it broke');
    expect(second.code).toBe(3);
  });
});
