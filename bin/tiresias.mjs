#!/usr/bin/env node
// The installed command: runs the compiled program, which `npm run setup` builds.
import { existsSync } from 'node:fs';

const main = new URL('../dist/src/cli/main.js', import.meta.url);
if (!existsSync(main)) {
  console.error('tiresias is not built yet: run `npm run setup` in its folder first.');
  process.exit(1);
}
await import(main.href);
