// `tiresias watch`: follows a job's events to its end: a bar on a terminal, lines elsewhere, JSON lines for a script.
import type { Command } from 'commander';
import { z } from 'zod';
import { DataError } from '../errors.ts';
import { FINAL_STATES, JOB_STATES, type JobState } from '../job-spec.ts';
import { connect, urlOption, type ApiClient } from './api-client.ts';
import type { Job } from './api-answers.ts';
import { followEvents, type ServerEvent } from './event-stream.ts';
import { placeWords } from './place-words.ts';
import { startProgress, type Progress } from './progress.ts';
import { printable } from './table.ts';

const stateEvent = z.object({
  state: z.enum(JOB_STATES),
  reason: z.string().nullish(),
  message: z.string().nullish(),
  attempt: z.int(),
});
const stepEvent = z.object({
  arm: z.string(),
  step: z.int(),
  lossNats: z.number().nullish(),
  tokensPerSecond: z.number().nullish(),
});
const evaluationEvent = z.object({
  ...{ arm: z.string(), step: z.int(), benchmark: z.string() },
  protocol: z.string().default('likelihood'),
});

const EXIT_CODES: Partial<Record<JobState, number>> = { succeeded: 0, failed: 3, cancelled: 4 };
/** What a shell expects of a program that Ctrl-C ended. */
const INTERRUPTED = 130;

interface WatchOptions {
  readonly url?: string;
  readonly json?: true;
}

export function addWatchCommand(program: Command): void {
  program
    .command('watch')
    .description('follow a job to its end')
    .argument('<id>', 'the job')
    .addOption(urlOption())
    .option('--json', 'print every event as a line of JSON')
    .addHelpText(
      'after',
      '\nExit code: 0 succeeded, 3 failed, 4 cancelled. Ctrl-C leaves; the job goes on.\n\nExample:\n  $ tiresias watch "$id" && tiresias jobs show "$id"',
    )
    .action(async (id: string, { url, json }: WatchOptions) => {
      process.exitCode = exitCodeOf(await watchJob(connect(url), id, json === true));
    });
}

/** The exit code that stands for a final state. */
export function exitCodeOf(state: JobState): number {
  return EXIT_CODES[state] ?? 1;
}

/** Shows the job's events until its final state, which is returned. Throws ApiError. */
export async function watchJob(api: ApiClient, id: string, isJson: boolean): Promise<JobState> {
  const view = isJson ? jsonView() : terminalView(api, id);
  const leave = () => {
    view.stop();
    process.stderr.write(`\nthe job goes on; \`tiresias watch ${id}\` follows it, \`tiresias cancel ${id}\` ends it\n`);
    process.exit(INTERRUPTED);
  };
  process.once('SIGINT', leave);
  try {
    const job = await api.job(id);
    view.begin(job);
    let ending: Ending = job;
    const hasEnded = async () => {
      ending = await api.job(id);
      return FINAL_STATES.includes(ending.state);
    };
    const open = (last: string | undefined, signal: AbortSignal) => api.openEvents(id, last, signal);
    for await (const event of followEvents({ open, hasEnded, onBreak: view.onBreak })) {
      const data = parseData(event);
      await view.show(event, data);
      if (event.type !== 'state') continue;
      ending = read(stateEvent, event, data);
      if (FINAL_STATES.includes(ending.state)) break;
    }
    view.end(ending);
    return ending.state;
  } finally {
    process.off('SIGINT', leave);
    view.stop();
  }
}

interface Ending {
  readonly state: JobState;
  readonly reason?: string | null | undefined;
  readonly message?: string | null | undefined;
}

function parseData({ type, data }: ServerEvent): unknown {
  try {
    return JSON.parse(data);
  } catch (error) {
    throw new DataError(`the event stream sent a ${printable(type)} event whose data is no JSON`, { cause: error });
  }
}

function read<T>(schema: z.ZodType<T>, { type }: ServerEvent, data: unknown): T {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw new DataError(`a ${type} event of the server is not what this version expects: ${result.error.message}`);
}

interface View {
  begin(job: Job): void;
  show(event: ServerEvent, data: unknown): Promise<void>;
  onBreak(): void;
  end(ending: Ending): void;
  stop(): void;
}

function jsonView(): View {
  const nothing = () => undefined;
  return {
    ...{ begin: nothing, onBreak: nothing, end: nothing, stop: nothing },
    show: ({ id = null, type }, data) => {
      process.stdout.write(`${JSON.stringify({ id, type, data })}\n`);
      return Promise.resolve();
    },
  };
}

function terminalView(api: ApiClient, id: string): View {
  const board = stepBoard();
  return {
    begin: (job) => board.learn(job),
    show: async (event, data) => {
      if (event.type === 'step') {
        const step = read(stepEvent, event, data);
        if (!board.knows(step.arm)) board.learn(await api.job(id));
        board.step(step);
      } else if (event.type === 'evaluation') {
        const { arm, step, benchmark, protocol } = read(evaluationEvent, event, data);
        board.note(`${arm}: ${placeWords({ benchmark, protocol, settings: {} })} scored at step ${step}`);
      } else if (event.type === 'state') {
        const change = read(stateEvent, event, data);
        const attempt = change.attempt > 1 ? `, attempt ${change.attempt}` : '';
        if (!FINAL_STATES.includes(change.state)) board.note(inWords(change) + attempt);
      }
    },
    onBreak: () => board.note('the connection broke; trying again'),
    end: (ending) => {
      board.stop();
      process.stdout.write(`${printable(inWords(ending))}\n`);
    },
    stop: () => board.stop(),
  };
}

function inWords({ state, reason, message }: Ending): string {
  return `${state}${reason ? ` (${reason})` : ''}${message ? `: ${message}` : ''}`;
}

type Step = z.infer<typeof stepEvent>;

/** Progress over the steps of all arms of a job that are trained; notes go between the bar's lines. */
function stepBoard() {
  const reached = new Map<string, { readonly from: number; step: number; words: string }>();
  let progress: Progress | undefined;
  const done = () => [...reached.values()].reduce((sum, arm) => sum + arm.step - arm.from, 0);
  return {
    knows: (arm: string) => reached.has(arm),
    learn(job: Job): void {
      for (const { arm, fromStep, step } of job.arms) {
        if (arm !== 'published' && !reached.has(arm)) reached.set(arm, { from: fromStep, step, words: '' });
      }
      const [window] = job.arms;
      const numTrained = job.spec.arms.filter((arm) => arm !== 'published').length;
      if (window === undefined || numTrained === 0 || progress !== undefined) return;
      progress = startProgress(numTrained * (window.toStep - window.fromStep), done());
    },
    step({ arm, step, lossNats, tokensPerSecond }: Step): void {
      const state = reached.get(arm);
      if (state === undefined || step < state.step) return; // an old step, told again from the beginning
      state.step = step + 1;
      const figures = [
        ...(lossNats ? [`loss ${lossNats.toFixed(3)}`] : []),
        ...(tokensPerSecond ? [`${Math.round(tokensPerSecond)} tokens/s`] : []),
      ];
      state.words = `${arm} ${state.step}${figures.length > 0 ? `: ${figures.join(', ')}` : ''}`;
      const words = [...reached.values()].map((run) => run.words).filter((text) => text !== '');
      progress?.update(done(), printable(words.join(' · ')));
    },
    note(words: string): void {
      const clear = process.stderr.isTTY ? '\r\x1b[K' : '';
      process.stderr.write(`${clear}${printable(words)}\n`);
    },
    stop(): void {
      progress?.stop();
      progress = undefined;
    },
  };
}
