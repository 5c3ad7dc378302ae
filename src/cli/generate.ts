// `tiresias generate`: greedy continuation of token ids.
import type { Command } from 'commander';
import { loadModel } from '../checkpoint/model-folder.ts';
import { InputError } from '../errors.ts';
import { generateGreedy } from '../model/generate.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { backendOption } from './backend-option.ts';
import { wholeNumber } from './options.ts';

interface GenerateOptions {
  readonly model: string;
  readonly tokens: string;
  readonly maxNew: number;
  readonly backend: BackendName | 'auto';
}

export function addGenerateCommand(program: Command): void {
  program
    .command('generate')
    .description('continue token ids greedily')
    .requiredOption('--model <folder>', 'model folder in Hugging Face layout')
    .requiredOption('--tokens <ids>', 'token ids with commas between them')
    .requiredOption('--max-new <n>', 'tokens to add', wholeNumber(1))
    .addOption(backendOption())
    .addHelpText('after', '\nExample:\n  $ tiresias generate --model DIR --tokens "1,2,3" --max-new 8')
    .action(async ({ model: folder, tokens, maxNew, backend }: GenerateOptions) => {
      const prompt = tokens.split(',').map((part) => parseId(part));
      await selectBackend(backend);
      const model = await loadModel(folder);
      process.stdout.write(`${JSON.stringify({ tokens: await generateGreedy(model, prompt, maxNew) })}\n`);
    });
}

function parseId(part: string): number {
  const text = part.trim();
  if (!/^\d+$/.test(text)) throw new InputError(`--tokens: "${text}" is not a token id`);
  return Number(text);
}
