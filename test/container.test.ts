// What can be checked of Dockerfile and compose.yaml without an engine: files, stages, commands, the health check's route.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packagePath } from '../src/package-root.ts';
import { tiresias } from './cli/command.ts';

const read = (name: string) => readFileSync(packagePath(name), 'utf8');
const instructions = read('Dockerfile')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line));
const ignored = read('.dockerignore').split('\n').filter(Boolean);

interface Service {
  readonly build?: { readonly target: string };
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly deploy?: { readonly replicas: number };
}
const compose = parse(read('compose.yaml')) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};

describe('Dockerfile', () => {
  const stages = instructions.flatMap((line) => /^FROM \S+ AS (\S+)$/.exec(line)?.[1] ?? []);

  it('copies files that exist and that the context holds', () => {
    const own = instructions.filter((line) => line.startsWith('COPY ') && !line.includes('--from='));
    const sources = own.flatMap((line) => line.split(' ').slice(1, -1));
    expect(sources.length).toBeGreaterThan(10);
    expect(sources.filter((source) => !existsSync(packagePath(source)))).toEqual([]);
    expect(
      sources.filter((source) => ignored.some((path) => source === path || source.startsWith(`${path}/`))),
    ).toEqual([]);
  });

  it('copies every folder that the set-up builds from', () => {
    const setUp = read('scripts/bootstrap.mjs');
    const inputs = [...setUp.matchAll(/inputs: \[([^\]]+)\]/g)].flatMap(([, list]) =>
      [...list!.matchAll(/'([^']+)'/g)].map(([, path]) => path!),
    );
    const copied = instructions.filter((line) => line.startsWith('COPY ') && !line.includes('--from=')).join(' ');
    for (const input of new Set(inputs)) {
      const top = input.split('/')[0]!;
      expect(copied.split(' '), input).toContain(existsSync(packagePath(top)) && top !== input ? top : input);
    }
  });

  it('names only stages that come before, and both targets', () => {
    for (const [, name] of instructions.join('\n').matchAll(/--from=([a-z-]+)\s/g)) expect(stages).toContain(name);
    expect(stages).toEqual(expect.arrayContaining(['cpu', 'gpu']));
  });

  it('runs the program of the Node that package.json asks for', () => {
    const entries = instructions
      .filter((line) => line.startsWith('ENTRYPOINT '))
      .map((line) => JSON.parse(line.slice(11)) as string[]);
    expect(entries).toHaveLength(2);
    for (const [, script] of entries) expect(existsSync(packagePath(script!.replace('/opt/tiresias/', '')))).toBe(true);
    const images = instructions.flatMap((line) => /node:(\d+)\.\d+-bookworm-slim/.exec(line)?.[1] ?? []);
    expect(new Set(images)).toEqual(new Set(['20']));
  });
});

describe('compose.yaml', () => {
  it('builds targets that exist, mounts volumes that are declared, and waits for services that tell their health', () => {
    for (const [name, service] of Object.entries(compose.services)) {
      const { build, volumes, depends_on: needs = {} } = service;
      if (build)
        expect(
          instructions.some((line) => line.endsWith(` AS ${build.target}`)),
          name,
        ).toBe(true);
      for (const volume of volumes) expect(Object.keys(compose.volumes)).toContain(volume.split(':')[0]);
      for (const [other, { condition }] of Object.entries(needs)) {
        expect(condition).toBe('service_healthy');
        expect(compose.services[other]?.healthcheck, other).toBeDefined();
      }
    }
    expect(compose.services['worker']?.deploy?.replicas).toBe(2);
  });

  it('starts commands that the program has, and asks a route that the server answers', async () => {
    const { stdout } = await tiresias(['--help']);
    for (const { build, command } of Object.values(compose.services)) {
      if (build) expect(stdout).toMatch(new RegExp(`^ {2}${command![0]} `, 'm'));
    }
    const [route] = /\/[a-z]+z\b/.exec(compose.services['server']!.healthcheck!.test.join(' '))!;
    expect(read(join('src', 'api', 'app.ts'))).toContain(`app.get('${route}'`);
  });
});
