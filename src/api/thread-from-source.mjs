// Starts computation-thread.ts from its source, in tests and development: Node 20 hands the hooks of tsx to child processes, but not to
// threads, so they are registered first. The compiled program starts the compiled thread itself.
import { register } from 'tsx/esm/api';

register();
await import('./computation-thread.ts');
