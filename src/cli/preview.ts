// `tiresias preview`: the rewritten batch of a step of a job that need not be submitted, with its edits.
import type { Command } from 'commander';
import { connect, urlOption } from './api-client.ts';
import type { Preview } from './api-answers.ts';
import { wholeNumber } from './options.ts';
import { addSpecOptions, readSpec, type SpecFlags } from './spec-options.ts';
import { formatTable, printable } from './table.ts';

interface PreviewOptions extends SpecFlags {
  readonly step?: number;
  readonly rows: number;
  readonly placebo?: true;
  readonly url?: string;
  readonly json?: true;
}

export function addPreviewCommand(program: Command): void {
  addSpecOptions(
    program.command('preview').description('show how a step of a job would be rewritten, before anything is trained'),
  )
    .option('--step <n>', "the step (default: the window's first)", wholeNumber(0))
    .option('--rows <n>', 'changed rows whose edits are shown, at most 50', wholeNumber(0), 10)
    .option('--placebo', "the placebo's edits instead of the intervention's")
    .addOption(urlOption())
    .option('--json', 'print counts, hashes, and the text of the rows before and after')
    .addHelpText(
      'after',
      '\nExample:\n  $ tiresias preview --model nano-1m --checkpoint step1330 --dataset nano-stories --probability 0.5',
    )
    .action(preview);
}

async function preview(file: string | undefined, options: PreviewOptions): Promise<void> {
  const { step, rows, placebo, url, json } = options;
  const arm = placebo ? 'placebo' : 'intervention';
  const job = await readSpec(file, options);
  const answer = await connect(url).preview({ job, arm, rows, ...(step !== undefined && { step }) });
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : describe(answer));
}

function describe({ step, numRows, numRowsChanged, numEdits, editsByRule, rows, ...proof }: Preview): string {
  const rules = Object.entries(editsByRule).map(([rule, count]) => `${printable(rule)} ${count}`);
  const head = [
    ['step', String(step)],
    ['rows changed', `${numRowsChanged} of ${numRows}`],
    ['edits', [String(numEdits), ...rules].join(', ')],
    ['rows before', proof.sha256Before],
    ['rows after', proof.sha256After],
  ];
  const edits = rows.flatMap(({ row, edits }) =>
    edits.map(({ rule, before, after, contextBefore, contextAfter }) => [
      String(row),
      printable(rule),
      printable(`…${contextBefore}[${before} → ${after}]${contextAfter}…`),
    ]),
  );
  return formatTable(head) + (edits.length === 0 ? '' : `\n${formatTable([['ROW', 'RULE', 'EDIT'], ...edits])}`);
}
