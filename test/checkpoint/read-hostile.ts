// Reads model folders in a process of its own and prints, for each, what came of it, how long it took and the most memory that was held so far:
//   node --import tsx read-hostile.ts CONFIG FOLDER …
// The folder's checkpoint is imported when it is one of GPT-NeoX, else its weights are read and inspected.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { importCheckpoint } from '../../src/checkpoint/import.ts';
import { inspectWeights } from '../../src/checkpoint/inspect.ts';
import { readWeights } from '../../src/checkpoint/weights.ts';
import { messageOf } from '../../src/errors.ts';
import { readModelConfig } from '../../src/model/config.ts';

const [configPath, ...folders] = process.argv.slice(2) as [string, ...string[]];
const config = readModelConfig(configPath);

async function outcomeOf(use: () => unknown): Promise<{ name: string; message: string }> {
  try {
    await use();
    return { name: 'read', message: '' };
  } catch (error) {
    return { name: error instanceof Error ? error.name : typeof error, message: messageOf(error) };
  }
}

const baseKb = process.resourceUsage().maxRSS;
for (const folder of folders) {
  const startedMs = performance.now();
  const isNeox = existsSync(join(folder, 'mp_rank_00_model_states.pt'));
  const outcomes = isNeox
    ? [await outcomeOf(() => importCheckpoint(folder, join(folder, 'imported'), { configPath }))]
    : [await outcomeOf(() => readWeights(folder)), await outcomeOf(() => inspectWeights(folder, config))];
  const grownBytes = 1024 * (process.resourceUsage().maxRSS - baseKb);
  process.stdout.write(`${JSON.stringify({ folder, outcomes, ms: performance.now() - startedMs, grownBytes })}\n`);
}
