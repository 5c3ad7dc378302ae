// The hub's variables, as Hugging Face's own tools read them; those that make a GPU compute exactly.
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { exactGpuSettings, hubAccess } from '../src/settings.ts';

const VARIABLES = [
  'HF_ENDPOINT',
  'HF_TOKEN',
  'HUGGING_FACE_HUB_TOKEN',
  'HF_HOME',
  'HF_HUB_CACHE',
  'HUGGINGFACE_HUB_CACHE',
];

beforeEach(() => {
  for (const name of [...VARIABLES, 'XDG_CACHE_HOME', 'HF_HUB_OFFLINE']) vi.stubEnv(name, '');
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('access to the hub', () => {
  it('is to the public hub without a token when nothing is set', () => {
    expect(hubAccess()).toEqual({
      ...{ endpoint: 'https://huggingface.co', token: undefined, isOffline: false },
      cacheFolder: join(homedir(), '.cache', 'huggingface', 'hub'),
    });
  });

  it.each<[Record<string, string>, Partial<ReturnType<typeof hubAccess>>]>([
    [{ HF_ENDPOINT: 'http://mirror:8080/' }, { endpoint: 'http://mirror:8080' }],
    [{ HF_TOKEN: ' hf_a\n' }, { token: 'hf_a' }],
    [{ HUGGING_FACE_HUB_TOKEN: 'hf_b' }, { token: 'hf_b' }],
    [{ HF_TOKEN: 'hf_a', HUGGING_FACE_HUB_TOKEN: 'hf_b' }, { token: 'hf_a' }],
    [{ XDG_CACHE_HOME: '/xdg' }, { cacheFolder: '/xdg/huggingface/hub' }],
    [{ HF_HOME: '/hf', XDG_CACHE_HOME: '/xdg' }, { cacheFolder: '/hf/hub' }],
    [{ HF_HUB_CACHE: '/hub', HF_HOME: '/hf' }, { cacheFolder: '/hub' }],
    [{ HF_HUB_OFFLINE: '1' }, { isOffline: true }],
    [{ HF_HUB_OFFLINE: '0' }, { isOffline: false }],
  ])('follows %o', (variables, expected) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(hubAccess()).toMatchObject(expected);
  });

  it.each(['mirror', 'ftp://mirror', 'https://user:secret@mirror'])('refuses the endpoint %s', (endpoint) => {
    vi.stubEnv('HF_ENDPOINT', endpoint);
    expect(() => hubAccess()).toThrow(/HF_ENDPOINT must be an http or https address without a password/);
  });
});

describe('what makes a GPU compute exactly', () => {
  it('is set for this process and its children, unless the user has set it', () => {
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', '');
    vi.stubEnv('TF_DETERMINISTIC_OPS', '');
    expect(exactGpuSettings()).toEqual({ NVIDIA_TF32_OVERRIDE: '0', TF_DETERMINISTIC_OPS: '1' });
    const script = 'process.stdout.write(process.env.NVIDIA_TF32_OVERRIDE + process.env.TF_DETERMINISTIC_OPS)';
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('01');
    vi.stubEnv('TF_DETERMINISTIC_OPS', '0');
    expect(exactGpuSettings()).toEqual({ NVIDIA_TF32_OVERRIDE: '0', TF_DETERMINISTIC_OPS: '0' });
  });
});
