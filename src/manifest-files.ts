// The files that a manifest identifies by their hashes: of a checkpoint's folder, and of a corpus that lies on a disk.
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Weights in any of their forms, the moments and the counters; other files of the folder change no number. */
export function checkpointFiles(folder: string): string[] {
  const entries = existsSync(folder) ? readdirSync(folder) : []; // the trainer says what is wrong with it
  const names = entries.filter((name) => /^((pytorch_)?model\b.*|optimizer|state)\.(safetensors|bin|json)$/.test(name));
  return names.sort().map((name) => join(folder, name));
}

/** PREFIX.idx and PREFIX.bin, or those of its shards that are here. */
export function tokenFiles(prefix: string): { readonly bin: string | string[]; readonly idx: string } {
  const [folder, name] = [dirname(prefix), basename(prefix)];
  const isShard = (entry: string) => entry.startsWith(name) && /^-\d{5}-of-\d{5}\.bin$/.test(entry.slice(name.length));
  const shards = existsSync(folder) && !existsSync(`${prefix}.bin`) ? readdirSync(folder).filter(isShard) : [];
  const bin = shards.length === 0 ? `${prefix}.bin` : shards.sort().map((entry) => join(folder, entry));
  return { bin, idx: `${prefix}.idx` };
}
