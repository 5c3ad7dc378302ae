// Trial: importing a checkpoint needs at most 1.3 times its largest file and 200 MB of memory, whatever the form: ZeRO shards of 1.5 GB, the same weights as
// GPT-NeoX layer files, as Hugging Face shards and as one pytorch_model.bin, each imported by the command in a process of its own.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportCheckpoint } from '../../src/checkpoint/export.ts';
import { inspectWeights } from '../../src/checkpoint/inspect.ts';
import { optimizerGroups } from '../../src/checkpoint/names.ts';
import { countValues } from '../../src/checkpoint/stored-tensor.ts';
import { writeTorch, type TensorToSave, type ValueToSave } from '../../src/checkpoint/torch-writer.ts';
import { openWeights } from '../../src/checkpoint/weights.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { packagePath } from '../../src/package-root.ts';
import { expectTrue, expectWithin } from './expect.ts';

const CONFIG = {
  model_type: 'gpt_neox',
  hidden_size: 1024,
  intermediate_size: 4096,
  num_attention_heads: 16,
  num_hidden_layers: 6,
  vocab_size: 24_064,
};
const STEP = 133_000;
const NUM_SHARDS = 5;
const MB = 1e6;
/** Runs before the command in its process, and tells the most memory that it held, in kB, when it ends. */
const TELL_PEAK = 'process.on("exit",()=>process.stderr.write(`\\npeak=${process.resourceUsage().maxRSS}\\n`))';

export function importMemory(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tiresias-import-memory-'));
  return run(folder).finally(() => rmSync(folder, { recursive: true, force: true }));
}

async function run(folder: string): Promise<void> {
  const configPath = join(folder, 'config.json');
  writeFileSync(configPath, JSON.stringify(CONFIG));
  const zero = join(folder, 'zero');
  writeShards(zero, configPath);
  const whole = join(folder, 'whole');
  importIn('ZeRO shards', zero, ['--config', configPath, '--to', whole]);
  rmSync(zero, { recursive: true });
  rmSync(join(whole, 'optimizer.safetensors'));
  const expected = await inspectWeights(whole, readModelConfig(configPath));

  const form = async (name: string, make: (to: string) => Promise<unknown>): Promise<void> => {
    const from = join(folder, 'from');
    await make(from);
    importIn(name, from, ['--config', configPath, '--step', String(STEP), '--to', join(folder, 'to')]);
    const { sha256 } = await inspectWeights(join(folder, 'to'), readModelConfig(configPath));
    expectTrue(`${name}: the values of the ZeRO masters`, sha256 === expected.sha256);
    for (const made of [from, join(folder, 'to')]) rmSync(made, { recursive: true });
  };
  await form('layer files', (to) => exportCheckpoint(whole, to, { format: 'neox', precision: 'fp16' }));
  await form('Hugging Face shards', (to) =>
    exportCheckpoint(whole, to, { format: 'hugging-face', precision: 'fp16', maxShardBytes: 100e6 }),
  );
  await form('pytorch_model.bin', (to) => Promise.resolve(writeStateDict(whole, to)));
}

function importIn(name: string, from: string, rest: readonly string[]): void {
  const peak = ['--import', `data:text/javascript,${encodeURIComponent(TELL_PEAK)}`];
  const command = [packagePath('src', 'cli', 'main.ts'), 'checkpoint', 'import', '--from', from, ...rest];
  const startedMs = performance.now();
  const child = spawnSync(process.execPath, ['--import', 'tsx', ...peak, ...command], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`the import of ${name} ended with ${child.status}: ${child.stderr}`);
  const peakBytes = 1024 * Number(/peak=(\d+)/.exec(child.stderr)?.[1]);
  const sizes = filesOf(from).map((path) => statSync(path).size);
  const [largest, all] = [Math.max(...sizes), sizes.reduce((sum, size) => sum + size, 0)];
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `   ${name}: ${(all / MB).toFixed(0)} MB in ${sizes.length} files, the largest ${(largest / MB).toFixed(0)} MB, in ${seconds.toFixed(1)} s`,
  );
  expectWithin(`${name}: peak memory, MB`, peakBytes / MB, 0, (1.3 * largest) / MB + 200);
}

function filesOf(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** A checkpoint as DeepSpeed's ZeRO stage 1 leaves it: each optimizer group cut into as many parts as there are data-parallel ranks. */
function writeShards(folder: string, configPath: string): void {
  mkdirSync(folder);
  const lengths = optimizerGroups(readModelConfig(configPath)).map((group) =>
    group.reduce((sum, { shape }) => sum + countValues(shape), 0),
  );
  for (let rank = 0; rank < NUM_SHARDS; rank++) {
    const parts = lengths.map((length) => {
      const size = Math.ceil(length / NUM_SHARDS);
      return noise(Math.min(size, length - rank * size));
    });
    const state = dictOf({
      loss_scaler: dictOf({ cur_scale: 65_536 }),
      zero_stage: 1,
      partition_count: NUM_SHARDS,
      base_optimizer_state: parts.map((part) => [dictOf({ exp_avg: part, exp_avg_sq: part })]),
      local_sub_partitions_of_fp32_groups: parts.map((part) => [part]),
    });
    const name = `zero_pp_rank_${rank}_mp_rank_00_optim_states.pt`;
    writeTorch(join(folder, name), dictOf({ optimizer_state_dict: state }));
  }
  const model = { global_steps: STEP, lr_scheduler: dictOf({ num_iters: STEP }), skipped_steps: 0, mp_world_size: 1 };
  writeTorch(join(folder, 'mp_rank_00_model_states.pt'), dictOf(model));
}

function writeStateDict(from: string, to: string): void {
  mkdirSync(to);
  const { tensors, close } = openWeights(from);
  try {
    const state = [...tensors].map(([name, tensor]) => [name, { dtype: 'F16', tensor }] as const);
    writeTorch(join(to, 'pytorch_model.bin'), new Map(state));
  } finally {
    close();
  }
}

// Values below one that half precision holds exactly.
function noise(length: number): TensorToSave {
  const read: TensorToSave['tensor']['read'] = (from, into) => {
    for (let i = 0; i < into.length; i++) into[i] = ((from + i) % 2047) / 2048;
  };
  return { dtype: 'F32', tensor: { shape: [length], read } };
}

function dictOf(values: Readonly<Record<string, ValueToSave>>): ReadonlyMap<string, ValueToSave> {
  return new Map(Object.entries(values));
}
