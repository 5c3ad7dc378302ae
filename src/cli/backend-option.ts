// The option that names a back end, apart from the others: it loads TensorFlow.js.
import { Option } from 'commander';
import { BACKENDS } from '../tensor/backend.ts';

export function backendOption(): Option {
  return new Option('--backend <name>', 'what computes').choices(['auto', ...BACKENDS]).default('auto');
}
