// `tiresias checkpoint import`: a GPT-NeoX checkpoint, or a model folder → a checkpoint folder to resume from.
import type { Command } from 'commander';
import { importCheckpoint, type Imported } from '../checkpoint/import.ts';
import { wholeNumber } from './options.ts';

interface ImportOptions {
  readonly from: string;
  readonly config?: string;
  readonly to: string;
  readonly weightsOnly?: boolean;
  readonly step?: number;
}

const EXAMPLES = `
Examples:
  $ tiresias checkpoint import --from neox-ckpt-pythia-70m-deduped-v1 --config pythia-70m-deduped/config.json --to checkpoints/step133000
  $ tiresias checkpoint import --from pythia-70m-deduped/step133000 --to checkpoints/step133000

Of GPT-NeoX: mp_rank_*_model_states.pt with zero_pp_rank_*_optim_states.pt (fp32 masters and Adam's moments), or with layer_*-model_*-model_states.pt,
or alone. Where both are there the masters are taken and the layer files compared with them. Of Hugging Face: model.safetensors or pytorch_model.bin, whole or
in shards. Writes model.safetensors (fp32, Hugging Face names), optimizer.safetensors (exp_avg.NAME, exp_avg_sq.NAME) when there are moments, config.json and
state.json (step, lrCount, lossScale, skippedSteps, as far as the files say). The folder is there when everything was written, and not before.
The content of state.json is printed; what was found goes to stderr.
`;

/** The group `tiresias checkpoint`, made by the first of its commands. */
export function checkpointCommand(program: Command): Command {
  return (
    program.commands.find((command) => command.name() === 'checkpoint') ??
    program.command('checkpoint').description('checkpoints: import, export')
  );
}

/** Registers the command. */
export function addCheckpointImportCommand(program: Command): void {
  checkpointCommand(program)
    .command('import')
    .description('turn a GPT-NeoX/DeepSpeed checkpoint or a model folder into a folder that training can resume from')
    .requiredOption('--from <folder>', 'folder with the file "latest", one global_stepN, or a model folder')
    .option('--config <file>', "the model's config.json in Hugging Face's format (default: the one in --from)")
    .requiredOption('--to <folder>', 'folder to make')
    .option('--weights-only', "leave Adam's moments out")
    .option('--step <n>', 'the step of a model folder whose name does not end in stepN', wholeNumber(0))
    .addHelpText('after', EXAMPLES)
    .action(({ from, config, to, weightsOnly, step }: ImportOptions) => {
      const imported = importCheckpoint(from, to, { configPath: config, weightsOnly, step });
      for (const line of wordsOf(imported)) process.stderr.write(`${line}\n`);
      process.stdout.write(`${JSON.stringify(imported.state)}\n`);
    });
}

function wordsOf({ weights, hasOptimizer, comparison, state }: Imported): string[] {
  const lines = [`weights: from the ${weights}`];
  if (!hasOptimizer)
    lines.push(
      "no optimizer state: Adam's moments are not in this checkpoint, so training cannot resume from its exact state",
    );
  if (comparison)
    lines.push(
      `${comparison.numDifferent} of ${comparison.numCompared} values of the model's own weights differ from the fp32 masters rounded to their type`,
    );
  if (state.skippedSteps === undefined)
    lines.push('the schedule is taken to have advanced at every step: such files do not say how many were skipped');
  return lines;
}
