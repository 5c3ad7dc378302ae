// Who may import whom, as the table of docs/architecture.md says; no cycles; no file that only passes on; names and sizes of files.
// Types count as imports: a folder that needs another's types knows of it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { packagePath } from '../src/package-root.ts';

/** Folders and single files → what they may import besides themselves; an entry for a file goes before its folder's. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  augmentation: [],
  'src/data': [],
  'src/intervention': ['src/data', 'augmentation'],
  'src/tensor': [],
  'src/model': ['src/tensor'],
  'src/contract': ['src/model', 'src/tensor'],
  'src/train': ['src/model', 'src/tensor'],
  'src/checkpoint': ['src/model', 'src/tensor'],
  'src/eval': ['src/model', 'src/tensor', 'src/data'],
  'src/suite': ['src/checkpoint', 'src/data', 'src/model/config.ts'], // whether a config.json is a size of the suite
  'src/store': [],
  'src/handover': [],
  'jobs/queue.ts': ['src/store'],
  jobs: [
    'augmentation',
    'src/data',
    'src/intervention',
    'src/tensor',
    'src/model',
    'src/train',
    'src/checkpoint',
    'src/eval',
    'src/suite',
    'src/store',
    'src/facts.ts',
    'src/replicates.ts',
    'src/disk-usage.ts',
    'src/shared-keys.ts',
    'src/manifest-files.ts',
    'src/software.ts',
  ],
  'src/api': [
    'src/disk-usage.ts',
    'src/replicates.ts',
    'src/shared-keys.ts',
    'src/likely-keys.ts', // its types
    'src/store',
    'jobs/queue.ts',
    'src/data',
    'src/intervention',
    'src/suite',
    'src/eval/statistics.ts',
    'src/eval/replicates.ts',
    'src/eval/stop-rules.ts',
    'src/eval/metrics.ts', // which contributions an effect pairs: arithmetic, like statistics.ts
    'src/train/plan.ts',
    'src/train/loss-spikes.ts', // arithmetic on recorded losses
  ],
  'src/errands': ['src/store', 'src/data', 'src/suite'],
  'src/web': ['src/api'], // its schemas; that nothing of Node comes along is checked apart
  'src/catalog.ts': [
    'augmentation',
    'src/api',
    'src/data',
    'src/eval',
    'src/model',
    'src/suite',
    'src/facts.ts',
    'src/estimate.ts',
    'src/likely-keys.ts',
    'src/shared-keys.ts',
    'src/model-training.ts',
    'src/store/shared-standing.ts',
    'src/train/plan.ts',
    'src/train/micro-batch.ts',
  ],
  'src/facts.ts': ['src/model', 'src/suite', 'src/store/jobs.ts', 'src/train/plan.ts'],
  'src/estimate.ts': [
    'src/api',
    'src/eval',
    'src/suite',
    'src/facts.ts',
    'src/train/plan.ts',
    'src/train/disk.ts',
    'src/train/micro-batch.ts',
  ],
  'src/disk-usage.ts': [],
  'src/shared-keys.ts': ['src/train/plan.ts', 'src/eval/held-back.ts'],
  'src/manifest-files.ts': [],
  'src/likely-keys.ts': [
    'src/data',
    'src/eval',
    'src/suite',
    'src/facts.ts',
    'src/shared-keys.ts',
    'src/manifest-files.ts',
    'src/software.ts',
    'src/store/shared-standing.ts',
  ],
  'src/software.ts': [],
  // which jobs are replicates of each other, for jobs and the API: arithmetic on what the store holds
  'src/replicates.ts': ['src/eval/replicates.ts', 'src/eval/statistics.ts', 'src/store/experiments.ts'],
  'src/model-training.ts': ['src/api', 'src/suite', 'src/facts.ts', 'src/train/schedule.ts'],
  'src/server.ts': ['src/api', 'src/store', 'src/catalog.ts', 'src/errands', 'jobs/queue.ts'],
  'src/cli': ['augmentation', 'src', 'jobs'],
  'src/errors.ts': [],
  'src/job-spec.ts': [],
  'src/log.ts': ['src/settings.ts'],
  'src/settings.ts': [],
  'src/package-root.ts': ['src/tensor/native'],
};

/** For all: errors, log lines, the definition of a job. */
const FOR_ALL = ['src/errors.ts', 'src/log.ts', 'src/job-spec.ts'];

/** Settings are read where a process starts and handed on; the repository's own files are found by those who carry some. */
const FOR_SOME: Readonly<Record<string, readonly string[]>> = {
  'src/settings.ts': ['src/cli', 'src/server.ts', 'jobs/main.ts', 'src/log.ts', 'src/tensor/native.ts'],
  'src/package-root.ts': [
    'src/software.ts',
    'src/tensor/native',
    'src/tensor/installed.ts',
    'src/settings.ts',
    'src/suite',
    'src/eval',
    'src/store',
    'src/api',
    'src/errands',
    'src/server.ts',
    'src/cli',
    'jobs',
  ],
};

/** Packages that belong to some folders only. */
const OWN_PACKAGES: readonly (readonly [RegExp, readonly string[]])[] = [
  [/^compromise/, ['augmentation']],
  [
    /^@tensorflow\//,
    ['src/tensor', 'src/model', 'src/contract', 'src/train', 'src/checkpoint', 'src/eval', 'src/cli', 'jobs'],
  ],
  [/^(@prisma\/|pg$)/, ['src/store']],
  [/^(express|express-rate-limit|helmet)$/, ['src/api']],
  [/^(preact|uplot)/, ['src/web']],
  [/^(commander|cli-progress)$/, ['src/cli']],
  [/^pino$/, ['src/log.ts']],
  [/^@huggingface\/hub/, ['src/suite/hub']],
  [/^@huggingface\/jinja$/, ['src/eval']],
  [/^yaml$/, ['src/eval', 'src/handover', 'src/cli', 'src/web']],
];
const NO_PACKAGES = ['src/data', 'src/intervention'];

const SOURCES = ['augmentation', 'jobs', 'src'];
const FORBIDDEN_NAMES = /^(utils?|common|helpers?|lib|types|index)$/;

interface Import {
  readonly from: string;
  /** A file of the repository, or the name of a package. */
  readonly to: string;
  readonly isType: boolean;
}

interface Source {
  readonly path: string;
  readonly readsEnvironment: boolean;
  readonly onlyPassesOn: boolean;
  readonly imports: readonly Import[];
}

const sources = SOURCES.flatMap((folder) => listFiles(folder)).map(readSource);
const imports = sources.flatMap((source) => source.imports);
const own = imports.filter(({ to }) => isOwn(to));
const packages = imports.filter(({ to }) => !isOwn(to));

describe('the table of imports', () => {
  it('has a line for every source file', () => {
    expect(sources.map(({ path }) => path).filter((path) => lineOf(path) === undefined)).toEqual([]);
    expect(sources.length).toBeGreaterThan(80); // the walk found the program
  });

  it('is kept', () => {
    const wrong = own.filter(({ from, to }) => !mayImport(from, to)).map(({ from, to }) => `${from} imports ${to}`);
    expect(wrong).toEqual([]);
  });

  it('names only files that exist', () => {
    const missing = own.filter(({ to }) => !existsSync(packagePath(to))).map(({ from, to }) => `${from}: ${to}`);
    expect(missing).toEqual([]);
  });

  it('keeps each package in its folders, and data and intervention on Node alone', () => {
    const wrong = packages.filter(({ from, to }) => {
      if (to.startsWith('node:')) return isIn(from, ['src/web']);
      if (isIn(from, NO_PACKAGES)) return true;
      return OWN_PACKAGES.some(([name, folders]) => name.test(to) && !isIn(from, folders));
    });
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('keeps tensors out of the process that answers HTTP', () => {
    const reached = reachedFrom([
      'src/server.ts',
      ...sources.map(({ path }) => path).filter((p) => isIn(p, ['src/api'])),
    ]);
    expect(reached.filter(({ to }) => to.startsWith('@tensorflow/')).map(({ from }) => from)).toEqual([]);
  });

  it("keeps everything of Node's out of the page", () => {
    const reached = reachedFrom(sources.map(({ path }) => path).filter((path) => isIn(path, ['src/web'])));
    const wrong = reached.filter(({ to }) => /^(node:|pg$|express$|pino$|@prisma|@tensorflow)/.test(to));
    expect(wrong.map(({ from, to }) => `${from} imports ${to}`)).toEqual([]);
  });

  it('has no cycles between files', () => {
    expect(cyclesAmong(own)).toEqual([]);
  });
});

describe('source files', () => {
  it('read the environment in src/settings.ts alone', () => {
    expect(sources.filter(({ readsEnvironment }) => readsEnvironment).map(({ path }) => path)).toEqual([
      'src/settings.ts',
    ]);
  });

  it('do more than pass on what others export', () => {
    expect(sources.filter(({ onlyPassesOn }) => onlyPassesOn).map(({ path }) => path)).toEqual([]);
  });

  const everywhere = [...SOURCES, 'scripts', 'test'].flatMap(listFiles);

  it('are named for their subject', () => {
    const parts = (path: string) => path.split('/').map((part) => part.split('.', 1)[0] ?? '');
    expect(everywhere.filter((path) => parts(path).some((part) => FORBIDDEN_NAMES.test(part)))).toEqual([]);
  });

  it('have under 300 lines, nine in ten of them, and none over 400', () => {
    const sizes = everywhere.map((path) => ({ path, numLines: countLines(readFileSync(packagePath(path), 'utf8')) }));
    expect(sizes.filter(({ numLines }) => numLines > 400)).toEqual([]);
    const long = sizes.filter(({ numLines }) => numLines >= 300);
    expect(long.length / sizes.length, `long: ${JSON.stringify(long)}`).toBeLessThan(0.1);
  });
});

function listFiles(folder: string): string[] {
  const root = packagePath(folder);
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs)$/.test(entry.name))
    .map((entry) => relative(packagePath(), join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((path) => !path.includes('/generated/'))
    .sort();
}

function readSource(path: string): Source {
  const text = readFileSync(packagePath(path), 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, false);
  const found: Import[] = [];
  let readsEnvironment = false;
  const visit = (node: ts.Node): void => {
    const specifier = importedBy(node);
    if (specifier !== undefined) found.push({ from: path, to: resolveFrom(path, specifier), isType: isTypeOnly(node) });
    if (ts.isPropertyAccessExpression(node) && node.name.text === 'env' && isIdentifier(node.expression, 'process'))
      readsEnvironment = true;
    ts.forEachChild(node, visit);
  };
  visit(file);
  const passesOn = (node: ts.Statement) => ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
  const onlyPassesOn = file.statements.some(ts.isExportDeclaration) && file.statements.every(passesOn);
  return { path, readsEnvironment, onlyPassesOn, imports: found };
}

/** What a static, dynamic or type import, or an export from elsewhere, names. */
function importedBy(node: ts.Node): string | undefined {
  let specifier: ts.Node | undefined;
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) specifier = node.moduleSpecifier;
  else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    specifier = node.arguments[0];
  else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) specifier = node.argument.literal;
  return specifier !== undefined && ts.isStringLiteral(specifier) ? specifier.text : undefined;
}

function isTypeOnly(node: ts.Node): boolean {
  if (ts.isImportTypeNode(node)) return true;
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  return ts.isImportDeclaration(node) && node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
}

function isIdentifier(node: ts.Node, text: string): boolean {
  return ts.isIdentifier(node) && node.text === text;
}

function resolveFrom(path: string, specifier: string): string {
  return specifier.startsWith('.') ? join(dirname(path), specifier).split(sep).join('/') : specifier;
}

function isOwn(target: string): boolean {
  return /^(\.\.?\/|(src|jobs|augmentation|scripts|test|prisma)\/)/.test(target);
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(`${place}/`));
}

/** The table's key for a file: its own line before its folder's. */
function lineOf(path: string): string | undefined {
  return (
    Object.keys(MAY_IMPORT).find((key) => key === path) ?? Object.keys(MAY_IMPORT).find((key) => isIn(path, [key]))
  );
}

function mayImport(from: string, to: string): boolean {
  const key = lineOf(from);
  if (key === undefined) return false; // the first test names it
  if (isIn(from, ['src/web']) && isIn(to, FOR_ALL)) return to === 'src/job-spec.ts'; // the others are Node's
  if (isIn(to, FOR_ALL)) return true;
  const some = FOR_SOME[to];
  if (some !== undefined) return isIn(from, some);
  if (from.startsWith('src/store/') && to.startsWith('src/store/generated/')) return true;
  return isIn(to, [key, ...MAY_IMPORT[key]!]);
}

/** All run-time imports of some files and of what they import. */
function reachedFrom(paths: readonly string[]): Import[] {
  const byFile = new Map(sources.map((source) => [source.path, source.imports.filter(({ isType }) => !isType)]));
  const seen = new Set(paths);
  const found: Import[] = [];
  for (const path of seen) {
    for (const one of byFile.get(path) ?? []) {
      found.push(one);
      seen.add(one.to); // a Set's iteration comes to what is added during it
    }
  }
  return found;
}

/** Groups of files that reach each other, each as one line. */
function cyclesAmong(edges: readonly Import[]): string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    const at = trail.indexOf(path);
    if (at >= 0) cycles.push([...trail.slice(at), path].join(' → '));
    if (at >= 0 || done.has(path)) return;
    for (const to of next.get(path) ?? []) walk(to, [...trail, path]);
    done.add(path);
  };
  for (const path of next.keys()) walk(path, []);
  return cycles;
}

function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}
