// The exports that PyTorch and transformers were asked to load: of the fixture model, in all forms. The same bytes at every run, so that the golden file
// (scripts/golden/torch_checkpoint.py) vouches for what the program writes today.
import { join } from 'node:path';
import { exportCheckpoint, type ExportOptions } from '../../src/checkpoint/export.ts';
import { packagePath } from '../../src/package-root.ts';

const STEP = 133_000;

export const TORCH_EXPORTS: Readonly<Record<string, ExportOptions>> = {
  'hf/fp32': { format: 'hugging-face', precision: 'fp32' },
  'hf/fp16': { format: 'hugging-face', precision: 'fp16' },
  'hf/shards-fp32': { format: 'hugging-face', precision: 'fp32', maxShardBytes: 4000 },
  'hf/shards-fp16': { format: 'hugging-face', precision: 'fp16', maxShardBytes: 4000 },
  'neox/fp32-1': { format: 'neox', precision: 'fp32', step: STEP },
  'neox/fp32-2': { format: 'neox', precision: 'fp32', step: STEP, tensorParallel: 2 },
  'neox/fp16-1': { format: 'neox', precision: 'fp16', step: STEP },
  'neox/fp16-2': { format: 'neox', precision: 'fp16', step: STEP, tensorParallel: 2 },
};

/** Makes all of them below `folder`. */
export async function makeTorchExports(folder: string): Promise<void> {
  for (const [name, options] of Object.entries(TORCH_EXPORTS)) {
    await exportCheckpoint(packagePath('test', 'fixtures', 'engine'), join(folder, name), options);
  }
}
