// Progress of long work on stderr: a bar on a terminal, a line every few seconds elsewhere.
import { SingleBar } from 'cli-progress';

export interface Progress {
  update(value: number, words: string): void;
  stop(): void;
}

/** Milliseconds between lines where there is no terminal. */
const LINE_EVERY_MS = 10_000;

/** Starts showing progress from `start` towards `total`. */
export function startProgress(total: number, start = 0): Progress {
  return process.stderr.isTTY ? bar(total, start) : lines(total);
}

function bar(total: number, start: number): Progress {
  const single = new SingleBar({
    format: '{bar} {percentage}% {value}/{total} {words} {eta_formatted} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    etaBuffer: 20,
    hideCursor: true,
    stream: process.stderr,
  });
  single.start(total, start, { words: '' });
  return { update: (value, words) => single.update(value, { words }), stop: () => single.stop() };
}

function lines(total: number): Progress {
  let shownMs = 0;
  let last = '';
  const show = () => {
    process.stderr.write(`${last}\n`);
    last = '';
  };
  return {
    update: (value, words) => {
      last = `${value}/${total} ${words}`;
      if (performance.now() - shownMs < LINE_EVERY_MS) return;
      shownMs = performance.now();
      show();
    },
    stop: () => {
      if (last !== '') show();
    },
  };
}
