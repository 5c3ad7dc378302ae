// The hub's variables, as Hugging Face's own tools read them; who is let in; those that make a GPU compute exactly.
import { execFileSync } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isLoopback } from '../src/api/access.ts';
import {
  accessSetting,
  cleanAfterMs,
  diskQuotaBytes,
  errandsAtOnce,
  exactGpuSettings,
  holdMs,
  hubAccess,
  numSlots,
  requestsPerMinute,
  rootFolders,
} from '../src/settings.ts';

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

describe('the slots of a worker', () => {
  it('are what is set, also under the older name, else what the machine has; a job waits ten minutes unless told otherwise', () => {
    for (const name of ['TIRESIAS_SLOTS', 'TIRESIAS_JOBS', 'TIRESIAS_HOLD_MINUTES']) vi.stubEnv(name, '');
    expect([numSlots(4), holdMs()]).toEqual([4, 600_000]);
    vi.stubEnv('TIRESIAS_JOBS', '3');
    expect(numSlots(4)).toBe(3);
    vi.stubEnv('TIRESIAS_SLOTS', '2');
    vi.stubEnv('TIRESIAS_HOLD_MINUTES', '0');
    expect([numSlots(4), holdMs()]).toEqual([2, 0]);
    vi.stubEnv('TIRESIAS_SLOTS', '0');
    expect(() => numSlots(4)).toThrow('TIRESIAS_SLOTS must be a whole number of at least 1, but it is "0"');
  });
});

describe('pulls and verifications', () => {
  it('are two at once unless told otherwise', () => {
    vi.stubEnv('TIRESIAS_ERRANDS', '');
    expect(errandsAtOnce()).toBe(2);
    vi.stubEnv('TIRESIAS_ERRANDS', '5');
    expect(errandsAtOnce()).toBe(5);
    vi.stubEnv('TIRESIAS_ERRANDS', '0');
    expect(errandsAtOnce).toThrow('TIRESIAS_ERRANDS must be a whole number of at least 1');
  });
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

describe('who is let in', () => {
  beforeEach(() => {
    for (const name of ['TIRESIAS_AUTH', 'TIRESIAS_ROOTS', 'TIRESIAS_RATE_LIMIT']) vi.stubEnv(name, '');
  });

  it('is everybody on the loopback address alone, unless tokens are asked for', () => {
    expect(['127.0.0.1', '127.1.2.3', 'localhost', '::1'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '192.168.1.2', '127.0.0.1.example', '10.0.0.1'].map(isLoopback)).not.toContain(true);
    expect([accessSetting(true), accessSetting(false)]).toEqual(['open', 'tokens']);
    vi.stubEnv('TIRESIAS_AUTH', 'tokens');
    expect(accessSetting(true)).toBe('tokens');
    vi.stubEnv('TIRESIAS_AUTH', 'none');
    expect(() => accessSetting(true)).toThrow('TIRESIAS_AUTH must be "tokens" or "open"');
  });

  it('names files below the home folder and those that are listed', () => {
    expect(rootFolders('/home/x')).toEqual(['/home/x']);
    vi.stubEnv('TIRESIAS_ROOTS', '/scratch/models::/data');
    expect(rootFolders('/home/x')).toEqual(['/home/x', '/scratch/models', '/data']);
    expect(requestsPerMinute(6_000)).toBe(6_000);
    vi.stubEnv('TIRESIAS_RATE_LIMIT', '10');
    expect(requestsPerMinute(6_000)).toBe(10);
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

describe('the disk', () => {
  it.each([
    ['', undefined],
    ['500MB', 500e6],
    ['50 gb', 50e9],
    ['1.5TB', 1.5e12],
    ['1000B', 1_000],
  ])('has a quota of TIRESIAS_DISK_QUOTA=%s', (text, bytes) => {
    vi.stubEnv('TIRESIAS_DISK_QUOTA', text);
    expect(diskQuotaBytes()).toBe(bytes);
  });

  it.each(['50', '50 GiB', '0GB', '-1GB', 'much'])('refuses the quota %s by the name of its variable', (text) => {
    vi.stubEnv('TIRESIAS_DISK_QUOTA', text);
    expect(diskQuotaBytes).toThrow(
      `TIRESIAS_DISK_QUOTA must be a size such as 500MB, 50GB or 1.5TB, but it is "${text}"`,
    );
  });

  it.each([
    ['', 30 * 86_400_000],
    ['12h', 12 * 3_600_000],
    ['1.5d', 1.5 * 86_400_000],
    ['never', undefined],
  ])('is cleaned after TIRESIAS_CLEAN_AFTER=%s', (text, ms) => {
    vi.stubEnv('TIRESIAS_CLEAN_AFTER', text);
    expect(cleanAfterMs()).toBe(ms);
  });

  it('refuses a time that is none', () => {
    vi.stubEnv('TIRESIAS_CLEAN_AFTER', '30');
    expect(cleanAfterMs).toThrow('TIRESIAS_CLEAN_AFTER must be a time such as 12h or 30d, or never');
  });
});
