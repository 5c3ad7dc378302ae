// `tiresias benchmarks` on a home folder of its own, in this process; official files come from the outside test data over HTTP on the loopback.
import { Command } from 'commander';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { addBenchmarksCommand } from '../../src/cli/benchmarks.ts';
import { DataError, InputError, NotFoundError } from '../../src/errors.ts';
import { findBenchmark } from '../../src/eval/benchmarks.ts';
import { packagePath } from '../../src/package-root.ts';
import { hasShared, sharedPath } from '../support/shared.ts';

const scratch = mkdtempSync(join(tmpdir(), 'tiresias-benchmarks-'));
const home = join(scratch, 'home');
const placeOf = (name: string) => join(home, 'benchmarks', name);
const namesOf = (folder: string) => (existsSync(folder) ? readdirSync(folder).sort() : []);
const header = 'sent_more,sent_less,stereo_antistereo,bias_type';
beforeAll(() => void vi.stubEnv('TIRESIAS_HOME', home));
beforeEach(() => void vi.stubEnv('HF_HUB_OFFLINE', ''));
afterEach(() => rmSync(home, { recursive: true, force: true }));
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(scratch, { recursive: true });
});

async function run(...words: string[]): Promise<string> {
  return runInto([], ...words);
}

async function runInto(written: string[], ...words: string[]): Promise<string> {
  const program = new Command().exitOverride();
  addBenchmarksCommand(program);
  const out = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => written.push(String(chunk)) > 0);
  const err = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  try {
    await program.parseAsync(['benchmarks', ...words], { from: 'user' });
  } finally {
    out.mockRestore();
    err.mockRestore();
  }
  return written.join('');
}

async function answer(...words: string[]): Promise<Record<string, unknown>> {
  return JSON.parse(await run(...words, '--json')) as Record<string, unknown>;
}

/** State and words of each set that is here or wrong, by name. */
async function states(): Promise<Record<string, { state: string; numItems: number | null; detail: string }>> {
  const { benchmarks } = await answer('verify');
  const reports = benchmarks as { name: string; state: string; numItems: number | null; detail: string }[];
  return Object.fromEntries(
    reports.filter(({ state }) => state !== 'not here').map(({ name, ...report }) => [name, report]),
  );
}

/** What verify prints and throws when something is wrong. */
async function verifyFailing(): Promise<{ text: string; error: string }> {
  const text: string[] = [];
  const error = await runInto(text, 'verify').then(
    () => 'nothing was wrong',
    (thrown: unknown) => String(thrown),
  );
  return { text: text.join(''), error };
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('tiresias benchmarks list', () => {
  it('says of each absent official set how to get it, with citation, licence and page', async () => {
    const text = await run('list');
    expect(text).toMatch(/^winobias +not here$/m);
    expect(text).toMatch(/^nano-winobias +part of the nano suite +SHA-256 [0-9a-f]{64}$/m);
    expect(text).toContain(join(placeOf('crows-pairs'), 'crows_pairs_anonymized.csv'));
    expect(text).toMatch(/^ {2}licence CC BY-SA 4\.0$/m);
    expect(text).toContain('get it: tiresias benchmarks pull lambada-openai');
    expect(text).toContain('https://github.com/uclanlp/corefBias');
    const { benchmarks } = await answer('list');
    expect(benchmarks).toContainEqual(
      expect.objectContaining({
        name: 'winobias',
        source: expect.objectContaining({ licence: 'MIT', citation: expect.stringContaining('NAACL 2018') }) as unknown,
      }),
    );
    const revised = (benchmarks as { name: string; source: { verification: string } }[]).find(
      ({ name }) => name === 'crows-pairs-revised-unverified',
    );
    expect(revised?.source.verification).toBe('not verified: no published hash is known here');
  });
});

describe('tiresias benchmarks reference', () => {
  it('gives published figures with their sources and warnings, of models of the suite alone', async () => {
    const text = await run('reference', 'pythia-70m-deduped', '--checkpoint', 'step143000');
    expect(text).toMatch(
      /^step143000 +sweep +crows-pairs-revised +pctStereotype\.gender +0\.571875 .* 320 +half precision$/m,
    );
    expect(text).toMatch(/^half precision: logits and sums were fp16/m);
    expect(text).toContain('EleutherAI/pythia/blob/main/evals/pythia-v1/pythia-70m-deduped/zero-shot/');
    const { published } = await answer('reference', 'pythia-1.4b-deduped-v0', '--checkpoint', 'step71500');
    expect(published).toContainEqual(expect.objectContaining({ revision: 'step143000', metric: 'netBias' }));
    await expect(run('reference', 'nano-1m')).rejects.toThrow(/has no model "nano-1m"/);
    await expect(run('reference', 'pythia-70m', '--checkpoint', 'step7')).rejects.toThrow(
      /figures of steps 0, 1, 2, 4/,
    );
    await expect(run('reference', 'pythia-14m')).rejects.toThrow(/figures of no step/);
  });
});

describe('own sets', () => {
  it('are taken in under names of their own, for jobs to name, by kind', async () => {
    const mine = join(scratch, 'mine.csv');
    writeFileSync(mine, `${header}\nHe led.,She led.,stereo,gender\n`);
    expect(await answer('add', 'my-pairs', '--from', mine)).toMatchObject({
      ...{ name: 'my-pairs', kind: 'crows-pairs', isOfficial: false },
      path: join(placeOf('my-pairs'), 'pairs.csv'),
    });
    const nano = packagePath('suite', 'nano', 'benchmarks', 'nano-winobias');
    expect(await answer('add', 'my-sentences', '--from', nano)).toMatchObject({ kind: 'winobias' });
    const passages = join(scratch, 'passages.jsonl');
    writeFileSync(passages, '{"text": "She sold sea shells."}\n{"text": "On the shore she sat."}\n');
    await run('add', 'my-passages', '--kind', 'lambada', '--from', passages);
    await run('add', 'my-revised', '--kind', 'crows-pairs-revised', '--from', mine);
    expect(findBenchmark('my-sentences', home)).toMatchObject({ name: 'my-sentences', isOfficial: false });
    expect(findBenchmark('my-passages', home)).toMatchObject({ kind: 'lambada', isOfficial: false });
    expect(findBenchmark('my-revised', home)).toMatchObject({ kind: 'crows-pairs-revised', isOfficial: false });
    expect(await run('list')).toMatch(/^my-pairs +own set +SHA-256 [0-9a-f]{64}$/m);
    expect(await states()).toMatchObject({
      'my-pairs': { state: 'own set', numItems: 1 },
      'my-passages': { state: 'own set', numItems: 2 },
      'my-revised': { state: 'own set', numItems: 1 },
      'nano-winobias': { state: 'part of the nano suite', numItems: 640 },
    });
  });

  it('are refused with a reserved name or damaged lines, and leave nothing behind', async () => {
    const damaged = join(scratch, 'damaged.csv');
    writeFileSync(damaged, `${header}\nHe led.,,stereo,gender\n`);
    for (const [name, words] of [
      ['own-damaged', 'line 2: sent_less is empty'],
      ['crows-pairs-mine', 'give the set a name of its own'],
      ['lambada', 'give the set a name of its own'],
      ['nano-mine', 'give the set a name of its own'],
      ['../outside', 'letters, digits, _ . -'],
    ] as const) {
      await expect(run('add', name, '--from', damaged)).rejects.toThrow(words);
    }
    expect(namesOf(join(home, 'benchmarks'))).toEqual([]);
  });

  it('that were damaged later fail verify, and so does a folder with a reserved name', async () => {
    const mine = join(scratch, 'later.csv');
    writeFileSync(mine, `${header}\nHe led.,She led.,stereo,gender\n`);
    await run('add', 'mine', '--from', mine);
    await run('verify');
    appendFileSync(join(placeOf('mine'), 'pairs.csv'), 'He led.,,stereo,gender\n');
    cpSync(placeOf('mine'), placeOf('winobias-mine'), { recursive: true });
    await expect(run('verify')).rejects.toThrow('not what they are called: mine, winobias-mine');
  });
});

describe('the revised CrowS-Pairs', () => {
  const revised = 'crows-pairs-revised-unverified';
  const file = join(scratch, 'revised.tsv');
  const pairs = (numGender: number) =>
    Array.from({ length: 1677 }, (_, i) => `${i}\tHe ${i}.\tShe ${i}.\tstereo\t${i < numGender ? 'gender' : 'age'}`);
  const write = (numGender: number) =>
    writeFileSync(file, `\t${header.replaceAll(',', '\t')}\n${pairs(numGender).join('\n')}\n`);

  it('are taken in by their numbers of pairs, and never called official or verified', async () => {
    write(320);
    expect(await answer('add', revised, '--from', file)).toMatchObject({ name: revised, isOfficial: false });
    expect(await run('list')).toMatch(
      /^crows-pairs-revised-unverified +not verified: no published hash is known here/m,
    );
    const detail = 'not verified: no published hash is known here; it has the published numbers of pairs';
    expect((await states())[revised]).toMatchObject({ state: 'not verified', numItems: 1677, detail });
    await expect(run('pull', revised)).rejects.toThrow(/not verified: .* so it is not fetched/);
  });

  it('with other numbers must have a name of their own', async () => {
    write(319);
    await expect(run('add', revised, '--from', file)).rejects.toThrow(/expected 1677 pairs, 320 .*found 1677 and 319/);
    expect(namesOf(join(home, 'benchmarks'))).toEqual([]);
  });
});

describe.skipIf(!hasShared)('official files', () => {
  const crowsPairs = () => sharedPath('benchmarks/crows-pairs/crows_pairs_anonymized.csv');

  it('are taken in whole, from a file or a folder, and verified', async () => {
    await run('add', 'crows-pairs', '--from', crowsPairs());
    const again = await answer('add', 'crows-pairs', '--from', sharedPath('benchmarks/crows-pairs'));
    expect(again).toMatchObject({ name: 'crows-pairs', isOfficial: true });
    await run('pull', 'winobias', '--from', sharedPath('benchmarks/winobias'));
    await run('add', 'winobias-dev', '--from', sharedPath('benchmarks/winobias'));
    for (const name of ['winobias', 'winobias-dev']) {
      expect(namesOf(placeOf(name))).toHaveLength(4);
      for (const file of namesOf(placeOf(name))) {
        expect(sha256(join(placeOf(name), file))).toBe(sha256(sharedPath('benchmarks/winobias', file)));
      }
    }
    expect(await states()).toMatchObject({
      winobias: { state: 'as pinned', numItems: 792 },
      'winobias-dev': { state: 'as pinned', numItems: 792 },
      'crows-pairs': { state: 'as pinned', numItems: 1508 },
    });
    appendFileSync(join(placeOf('winobias'), 'pro_stereotyped_type2.txt.test'), '\n');
    const { text, error } = await verifyFailing();
    expect(text).toMatch(
      /^winobias +changed .*: these are not the official files of winobias \(SHA-256 [0-9a-f]{64}\)/m,
    );
    expect(text).toMatch(/^winobias-dev +as pinned +792 items/m);
    expect(error).toContain('not what they are called: winobias');
    expect(() => findBenchmark('winobias', home)).toThrow(DataError);
  });

  it('of WinoBias in CoNLL form are taken in with the templates, from two folders or one', async () => {
    const templates = sharedPath('benchmarks/promptsource-wino_bias');
    const words = ['--from', sharedPath('benchmarks/winobias'), '--templates', templates];
    const set = await answer('pull', 'winobias-conll', ...words);
    expect(set).toMatchObject({ name: 'winobias-conll', kind: 'winobias-conll', isOfficial: true });
    const copy = join(scratch, 'copy');
    cpSync(placeOf('winobias-conll'), copy, { recursive: true });
    expect(namesOf(copy)).toEqual(['conll', 'templates']);
    expect(await answer('add', 'winobias-conll', '--from', copy)).toEqual(set);
    expect((await states())['winobias-conll']).toMatchObject({ state: 'as pinned', numItems: 792 });
    appendFileSync(join(copy, 'templates', 'type2_pro', 'templates.yaml'), '\n');
    await expect(run('add', 'winobias-conll', '--from', copy)).rejects.toThrow(
      /expected the official files of winobias-conll/,
    );
    const own = await answer('add', 'mine', '--kind', 'winobias-conll', '--from', copy);
    expect(own).toMatchObject({ name: 'mine', kind: 'winobias-conll', isOfficial: false });
    expect(findBenchmark('mine', home)).toMatchObject({ kind: 'winobias-conll', sha256: own['sha256'] });
    await expect(run('add', 'winobias-mine', '--kind', 'winobias-conll', '--from', copy)).rejects.toThrow(
      /name of its own/,
    );
  });

  it('that were changed or are partial are refused, and what was there stays', async () => {
    await run('add', 'winobias', '--from', sharedPath('benchmarks/winobias'));
    const changed = join(scratch, 'changed');
    cpSync(sharedPath('benchmarks/winobias'), changed, { recursive: true });
    appendFileSync(join(changed, 'pro_stereotyped_type1.txt.test'), '\n');
    await expect(run('add', 'winobias', '--from', changed)).rejects.toThrow(
      /expected the official files of winobias, found other files, SHA-256 [0-9a-f]{64}/,
    );
    for (const side of ['pro', 'anti']) rmSync(join(changed, `${side}_stereotyped_type1.txt.test`));
    await expect(run('pull', 'winobias', '--from', changed)).rejects.toThrow('found only a part of it, winobias-type2');
    expect(namesOf(join(home, 'benchmarks'))).toEqual(['winobias']);
    expect(findBenchmark('winobias', home).isOfficial).toBe(true);
  });

  describe('over HTTP', () => {
    let server: Server;
    let address = '';
    /** Changes what is sent of a file. */
    let spoil: (name: string, bytes: Buffer) => Buffer = (_, bytes) => bytes;
    beforeAll(async () => {
      server = createServer((request, response) => {
        const asked = request.url ?? '';
        const name = asked.split('/').at(-1) ?? '';
        const folder = name.endsWith('.csv') ? 'crows-pairs' : 'winobias';
        const template = /templates\/(\w+\/templates\.yaml)$/.exec(asked)?.[1];
        const path =
          template !== undefined
            ? sharedPath('benchmarks', 'promptsource-wino_bias', template)
            : sharedPath('benchmarks', folder, asked.includes('/conll/') ? join('conll', name) : name);
        if (!existsSync(path)) return void response.writeHead(404).end();
        // What raw files are sent with elsewhere: an ETag of 64 digits that is no hash of the file.
        response.writeHead(200, { etag: `"${'ab'.repeat(32)}"` }).end(spoil(name, readFileSync(path)));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mirror/`;
    });
    afterAll(() => new Promise((resolve) => server.close(resolve)));
    beforeEach(() => (spoil = (_, bytes) => bytes));

    it('are fetched whole', async () => {
      expect(await answer('pull', 'winobias', '--from', address)).toMatchObject({ name: 'winobias', isOfficial: true });
      expect(await run('pull', 'crows-pairs', '--from', address)).toBe(
        `${join(placeOf('crows-pairs'), 'crows_pairs_anonymized.csv')}\n`,
      );
      expect(await states()).toMatchObject({ winobias: { state: 'as pinned' }, 'crows-pairs': { state: 'as pinned' } });
      expect(namesOf(join(home, 'benchmarks'))).toEqual(['crows-pairs', 'winobias']);
    });

    it('are fetched with their templates', async () => {
      expect(await answer('pull', 'winobias-conll', '--from', address)).toMatchObject({ isOfficial: true });
      expect((await states())['winobias-conll']).toMatchObject({ state: 'as pinned', numItems: 792 });
    });

    it('are not there at all when the last of them is another, or is missing', async () => {
      spoil = (name, bytes) => (name.startsWith('anti_stereotyped_type2') ? Buffer.from(bytes.toReversed()) : bytes);
      await expect(run('pull', 'winobias', '--from', address)).rejects.toThrow(
        /anti_stereotyped_type2\.txt\.test at http.*expected 31769 bytes of SHA-256 336571ac/,
      );
      await expect(run('pull', 'lambada-openai', '--from', address)).rejects.toThrow(NotFoundError);
      expect(namesOf(join(home, 'benchmarks'))).toEqual([]);
    });

    it('are not asked for offline, and unknown names not at all', async () => {
      vi.stubEnv('HF_HUB_OFFLINE', '1');
      await expect(run('pull', 'crows-pairs')).rejects.toThrow(InputError);
      await expect(run('pull', 'glue')).rejects.toThrow(/no official benchmark is called "glue"; there are winobias/);
    });
  });
});
