// `tiresias checkpoint export`: a checkpoint or model folder → a folder that Hugging Face's transformers or GPT-NeoX load.
import { InvalidArgumentError, Option, type Command } from 'commander';
import { exportCheckpoint } from '../checkpoint/export.ts';
import { checkpointCommand } from './checkpoint-import.ts';
import { wholeNumber } from './options.ts';

interface ExportCommandOptions {
  readonly from: string;
  readonly to: string;
  readonly format: 'hugging-face' | 'neox';
  readonly precision: 'fp16' | 'fp32';
  readonly maxShardSize: number;
  readonly tensorParallel: number;
  readonly tokenizer?: string;
  readonly config?: string;
  readonly step?: number;
}

const EXAMPLES = `
Examples:
  $ tiresias checkpoint export --from jobs/ID/attempt-1/intervention/step-143000 --to swapped --format hugging-face --precision fp16 --tokenizer tokenizer.json
  $ tiresias checkpoint export --from checkpoints/step133000 --to neox --format neox --precision fp16 --tensor-parallel 2

hugging-face: config.json, model.safetensors (or shards with model.safetensors.index.json), tokenizer files.
neox: latest, global_stepN/layer_NN-model_MM-model_states.pt and mp_rank_MM_model_states.pt: weights and counters, no optimizer.
fp16 rounds to the nearest, ties to even; a weight that it cannot hold is refused by name. The folder is there when everything was written, and not before.
`;

/** Registers the command. */
export function addCheckpointExportCommand(program: Command): void {
  checkpointCommand(program)
    .command('export')
    .description('write the weights of a checkpoint for other programs')
    .requiredOption('--from <folder>', 'checkpoint or model folder')
    .requiredOption('--to <folder>', 'folder to make')
    .addOption(new Option('--format <name>', 'whose files').choices(['hugging-face', 'neox']).makeOptionMandatory())
    .addOption(new Option('--precision <name>', 'numbers').choices(['fp16', 'fp32']).makeOptionMandatory())
    .option('--max-shard-size <size>', 'most bytes of one file of weights, such as 300MB', parseBytes, 5e9)
    .option('--tensor-parallel <n>', 'ranks that share the model (neox)', wholeNumber(1), 1)
    .option('--tokenizer <path>', 'tokenizer.json or a folder with tokenizer files (default: those in --from)')
    .option('--config <file>', "the model's config.json (default: the one in --from)")
    .option('--step <n>', 'the step of a model folder that does not tell (neox)', wholeNumber(0))
    .addHelpText('after', EXAMPLES)
    .action(async ({ from, to, maxShardSize, config, ...rest }: ExportCommandOptions) => {
      const options = { ...rest, maxShardBytes: maxShardSize, configPath: config };
      process.stdout.write(`${JSON.stringify(await exportCheckpoint(from, to, options))}\n`);
    });
}

/** Bytes of a size such as 5GB (decimal units, as transformers has them) or 2GiB. */
function parseBytes(text: string): number {
  const [, number, prefix = '', binary] = /^(\d+(?:\.\d+)?)([kKMGT]?)(i?)B?$/.exec(text) ?? [];
  const sizeBytes = Number(number) * (binary ? 1024 : 1000) ** ['', 'k', 'm', 'g', 't'].indexOf(prefix.toLowerCase());
  if (!(sizeBytes >= 1)) throw new InvalidArgumentError('expected a size such as 5GB, 300MB or 2GiB.');
  return Math.floor(sizeBytes);
}
