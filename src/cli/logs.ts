// `tiresias logs`: what the processes that worked on a job have logged of it, on whatever host; with --follow until the job is over.
import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import { ARMS, FINAL_STATES } from '../job-spec.ts';
import { LOG_LEVELS } from '../log.ts';
import { ApiError, connect, urlOption, type ApiClient } from './api-client.ts';
import type { JobLog } from './api-answers.ts';
import { wholeNumber } from './options.ts';
import { printable } from './table.ts';

interface LogOptions {
  readonly follow?: true;
  readonly level?: string;
  readonly arm?: string;
  readonly limit: number;
  readonly url?: string;
  readonly json?: true;
}

const ASK_MS = 2_000;
const PAGE_SIZE = 2_000;
/** A server that has been away for so long is given up. */
const GIVE_UP_MS = 600_000;

export function addLogsCommand(program: Command): void {
  program
    .command('logs')
    .description('show what was logged of a job')
    .argument('<id>', 'the job')
    .option('-f, --follow', 'go on until the job is over')
    .addOption(new Option('--level <name>', 'this level and graver ones').choices(Object.keys(LOG_LEVELS)))
    .addOption(new Option('--arm <name>', 'only lines of this arm').choices([...ARMS, 'burn-in']))
    .option('--limit <n>', 'the newest so many; 2,000 are kept of a job', wholeNumber(1), 200)
    .addOption(urlOption())
    .option('--json', 'print every line as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  $ tiresias logs "$id" --level warn\n  $ tiresias logs "$id" --follow --arm intervention',
    )
    .action(showLog);
}

async function showLog(id: string, options: LogOptions): Promise<void> {
  const { follow, level, arm, limit, url, json } = options;
  const api = connect(url);
  const filter = { ...(level !== undefined && { level }), ...(arm !== undefined && { arm }) };
  const show = ({ lines }: JobLog) => {
    for (const line of lines) process.stdout.write(`${json ? JSON.stringify(line) : inWords(line)}\n`);
  };
  const first = await api.logs(id, { ...filter, limit: String(Math.min(limit, PAGE_SIZE)) });
  show(first);
  if (follow) await followLog(api, id, { ...filter, limit: String(PAGE_SIZE) }, first.lastId, show);
}

/** Shows what comes; a job is over before its last lines are asked for, so that none is missed. */
async function followLog(
  api: ApiClient,
  id: string,
  filter: Readonly<Record<string, string>>,
  firstId: string,
  show: (log: JobLog) => void,
): Promise<void> {
  let [lastId, heardMs] = [firstId, performance.now()];
  for (;;) {
    try {
      const isOver = FINAL_STATES.includes((await api.job(id)).state);
      if (isOver) await sleep(ASK_MS); // its worker keeps the last lines within a second
      const news = await api.logs(id, { ...filter, after: lastId });
      heardMs = performance.now();
      lastId = news.lastId;
      show(news);
      if (isOver && news.lines.length === 0) return;
    } catch (error) {
      const isPassing = error instanceof ApiError && error.isPassing;
      if (!isPassing || performance.now() - heardMs > GIVE_UP_MS) throw error;
    }
    await sleep(ASK_MS);
  }
}

function inWords({ at, level, attempt, arm, message, details }: JobLog['lines'][number]): string {
  const { host, ...rest } = details;
  const where = [attempt === null ? '' : `#${attempt}`, arm ?? '', typeof host === 'string' ? host : ''];
  const fields = Object.entries(rest)
    .filter(([key]) => key !== 'pid' && key !== 'trainerPid')
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return printable([at, level, ...where.filter((word) => word !== ''), message, ...fields].join(' '));
}
