// `tiresias loss`: summed log-probability of rows of token ids.
import type { Command } from 'commander';
import { z } from 'zod';
import { loadModel } from '../checkpoint/model-folder.ts';
import { InputError } from '../errors.ts';
import { tokenLogProbs } from '../model/likelihood.ts';
import { selectBackend, type BackendName } from '../tensor/backend.ts';
import { backendOption } from './backend-option.ts';
import { readJsonInput } from './json-input.ts';

const rowsFile = z.array(z.array(z.int().min(0)).min(1)).min(1);

interface LossOptions {
  readonly model: string;
  readonly tokens: string;
  readonly gelu: string;
  readonly backend: BackendName | 'auto';
}

export function addLossCommand(program: Command): void {
  program
    .command('loss')
    .description('log-likelihood of token rows: every token but the first of each row is scored')
    .requiredOption('--model <folder>', 'model folder in Hugging Face layout')
    .requiredOption('--tokens <file>', 'JSON: a list of rows of token ids')
    .option('--gelu <form>', 'erf (as Hugging Face scores) or tanh (as Pythia trained)', 'erf')
    .addOption(backendOption())
    .addHelpText('after', '\nExample:\n  $ tiresias loss --model suite/nano/nano-1m-seed1/step1430 --tokens rows.json')
    .action(async ({ model: folder, tokens, gelu, backend }: LossOptions) => {
      if (gelu !== 'erf' && gelu !== 'tanh') throw new InputError(`--gelu ${gelu}: expected erf or tanh`);
      const rows = readJsonInput(tokens, rowsFile);
      await selectBackend(backend);
      const model = await loadModel(folder);
      const logProbs = await tokenLogProbs(model, rows, { gelu, rope: 'fp32-angles' });
      const sums = logProbs.map((row) => ({ sumLogProb: row.reduce((a, b) => a + b, 0), numTokens: row.length }));
      const total = sums.reduce((sum, row) => sum + row.sumLogProb, 0);
      const count = sums.reduce((sum, row) => sum + row.numTokens, 0);
      process.stdout.write(`${JSON.stringify({ rows: sums, meanLossNats: count === 0 ? null : -total / count })}\n`);
    });
}
