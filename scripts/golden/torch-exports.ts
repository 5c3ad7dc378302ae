// Makes the exports that scripts/golden/torch_checkpoint.py checks: `npx tsx scripts/golden/torch-exports.ts EXPORTS`.
import { makeTorchExports, TORCH_EXPORTS } from '../../test/checkpoint/torch-exports.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('usage: npx tsx scripts/golden/torch-exports.ts EXPORTS');
  process.exit(2);
}
await makeTorchExports(folder);
console.log(`${folder}: ${Object.keys(TORCH_EXPORTS).join(', ')}`);
