// `tiresias checkpoint import`: a GPT-NeoX checkpoint with its optimizer state → a checkpoint folder to resume from.
import type { Command } from 'commander';
import { importNeoxCheckpoint } from '../checkpoint/import.ts';

interface ImportOptions {
  readonly from: string;
  readonly config: string;
  readonly to: string;
}

const EXAMPLES = `
Example:
  $ tiresias checkpoint import --from neox-ckpt-pythia-70m-deduped-v1 --config pythia-70m-deduped/config.json --to checkpoints/step133000

Reads mp_rank_*_model_states.pt and zero_pp_rank_*_optim_states.pt, and writes model.safetensors (fp32 masters, Hugging Face names),
optimizer.safetensors (exp_avg.NAME, exp_avg_sq.NAME), config.json and state.json (step, lrCount, lossScale, skippedSteps).
The folder is there when everything was written, and not before. The content of state.json is printed.
`;

/** Registers the command. */
export function addCheckpointImportCommand(program: Command): void {
  const group =
    program.commands.find((command) => command.name() === 'checkpoint') ??
    program.command('checkpoint').description('checkpoints: import');
  group
    .command('import')
    .description('turn a GPT-NeoX/DeepSpeed checkpoint into a folder that training can resume from')
    .requiredOption('--from <folder>', 'folder with the file "latest", or one global_stepN')
    .requiredOption('--config <file>', "the model's config.json in Hugging Face's format")
    .requiredOption('--to <folder>', 'folder to make')
    .addHelpText('after', EXAMPLES)
    .action(({ from, config, to }: ImportOptions) => {
      process.stdout.write(`${JSON.stringify(importNeoxCheckpoint(from, config, to))}\n`);
    });
}
