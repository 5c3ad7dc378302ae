// What the command line knows when no command is named, or one that is none: all commands; otherwise the named one.
import { describe, expect, it, vi } from 'vitest';
import { tiresias } from './command.ts';

vi.setConfig({ testTimeout: 120_000 }); // each command is a process that compiles its sources

const COMMANDS = [
  ...['up', 'demo', 'doctor', 'server', 'worker', 'workers', 'submit', 'preview', 'estimate', 'sweep', 'jobs'],
  ...['watch', 'logs', 'cancel', 'pause', 'resume', 'retry', 'clean', 'backup', 'restore'],
  ...['compare', 'verify', 'export', 'import', 'models', 'datasets'],
  ...[
    'benchmarks',
    'policies',
    'suite',
    'checkpoint',
    'replay',
    'rewrite',
    'tokens',
    'score',
    'loss',
    'generate',
    'bench',
  ],
];

describe('tiresias', () => {
  it('lists every command in its help', async () => {
    const { code, stdout } = await tiresias(['--help']);
    expect(code).toBe(0);
    const listed = [...stdout.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name]) => name);
    expect(listed).toEqual([...COMMANDS, 'help']);
  });

  it('says of a command that is none which one may be meant', async () => {
    const { code, stderr } = await tiresias(['modles', 'list']);
    expect(code).toBe(1);
    expect(stderr).toContain("unknown command 'modles'");
    expect(stderr).toContain('Did you mean models?');
  });

  it('knows a command of several files whole', async () => {
    const { stdout } = await tiresias(['checkpoint', '--help']);
    expect(stdout).toMatch(/^ {2}import /m);
    expect(stdout).toMatch(/^ {2}export /m);
  });
});
