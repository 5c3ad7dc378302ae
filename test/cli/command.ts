// Runs the command line as a user does: a process of its own, from the sources.
import { spawn, type ChildProcess } from 'node:child_process';
import { packagePath } from '../../src/package-root.ts';
import { childEnvironment } from '../../src/settings.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Setting {
  readonly environment?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Is handed the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

// Nothing of the tester's own: an empty value means "not set" to src/settings.ts.
const QUIET = {
  ...{ DATABASE_URL: '', TIRESIAS_HOST: '', TIRESIAS_PORT: '1', TIRESIAS_LOG: 'silent', NO_COLOR: '1' },
  ...{ TIRESIAS_AUTH: '', TIRESIAS_TOKEN: '', TIRESIAS_ROOTS: '', TIRESIAS_RATE_LIMIT: '' },
};

/** The outcome of `tiresias ...words`. */
export function tiresias(words: readonly string[], setting: Setting = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', packagePath('src', 'cli', 'main.ts'), ...words], {
      env: childEnvironment({ ...QUIET, ...setting.environment }),
      cwd: packagePath(),
    });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (text: string) => (output[stream] += text));
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
    child.stdin.on('error', () => undefined); // a command that reads no stdin may be gone already
    child.stdin.end(setting.stdin ?? '');
    setting.onStart?.(child);
  });
}

/** Resolves when the stream of a process has said what matches. */
export function said(child: ChildProcess, stream: 'stdout' | 'stderr', pattern: RegExp): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let text = '';
    child[stream]?.on('data', (piece: string) => {
      text += piece;
      const match = pattern.exec(text);
      if (match !== null) resolve(match);
    });
    child.once('close', () => reject(new Error(`it ended without saying ${String(pattern)}: ${text}`)));
  });
}
