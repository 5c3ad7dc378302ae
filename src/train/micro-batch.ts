// Which micro-batch a job trains with, and whether layers are computed again: `auto` resolved by the memory planner, a wish beyond the room refused with a
// proposal. Arithmetic only.
import { InputError } from '../errors.ts';
import type { JobSpec } from '../job-spec.ts';
import type { Recompute } from '../model/gpt-neox.ts';
import {
  NATIVE_SHARE_OF_MEMORY,
  SHARE_OF_CARD,
  UNKNOWN_CARD_BYTES,
  WASM_LIMIT_BYTES,
} from '../tensor/memory-limits.ts';
import type { Precision } from '../tensor/precision.ts';
import { planMemory } from './memory.ts';
import type { Kernels, MemoryPlan, MemoryShape } from './memory-shape.ts';

/** What one trainer may take. */
export interface Room {
  /** Whose room it is, in words. */
  readonly owner: string;
  /** Of the back end; composed when left out. */
  readonly kernels?: Kernels;
  /** Bytes of live tensors. */
  readonly liveBytes: number;
  /** Resident bytes of the process; infinite while the machine is not known. */
  readonly residentBytes: number;
}

export interface Machine {
  readonly memoryBytes: number;
  /** Trainers of a job that run at the same time. */
  readonly numAtOnce: number;
  /** Memory of a graphics card, where it is known. */
  readonly cardBytes?: number | undefined;
}

export interface MicroBatch {
  readonly microBatchSize: number;
  readonly recompute: Recompute;
}

/** The rest is for the operating system, the database and the page cache. */
const SHARE_OF_MEMORY = 0.8;
/** A trainer before it makes tensors, with its thread that prepares batches. */
const IDLE_TRAINER_BYTES = 300e6;
/** Predictions may be this much too low: `auto` stays below the room by as much. */
const SHARE_OF_ROOM = 0.9;

/** The room of one trainer on a back end; without a machine, what the back end itself can hold. */
export function roomOf(backend: JobSpec['backend'], machine?: Machine): Room {
  const residentBytes = machine ? (SHARE_OF_MEMORY * machine.memoryBytes) / machine.numAtOnce : Infinity;
  if (backend === 'wasm') return { owner: 'the wasm back end', liveBytes: WASM_LIMIT_BYTES, residentBytes };
  // Which back end `auto` will be, and what card there is, the worker knows; it asks again.
  if (backend === 'auto') return { owner: 'the back end', liveBytes: Infinity, residentBytes };
  if (backend === 'native') {
    const liveBytes = machine ? NATIVE_SHARE_OF_MEMORY * machine.memoryBytes : Infinity;
    return { owner: 'the native back end', kernels: 'fused', liveBytes, residentBytes };
  }
  if (backend === 'cpu') return { owner: 'the cpu back end', liveBytes: Infinity, residentBytes };
  const ofCard = machine ? SHARE_OF_CARD * (machine.cardBytes ?? UNKNOWN_CARD_BYTES) : Infinity;
  // What fused kernels take beside tensors lies on the card, too.
  if (backend === 'cuda')
    return { owner: 'the graphics card', kernels: 'fused on a card', liveBytes: ofCard, residentBytes: ofCard };
  return { owner: 'the graphics card', liveBytes: ofCard, residentBytes: Infinity };
}

type Wish = Pick<JobSpec['training'], 'microBatchSize' | 'recompute'>;
type Rows = { readonly seqLength: number; readonly rowsPerStep: number; readonly precision?: Precision };

/** Resolves the wish. `auto` takes the largest micro-batch with room for all activations; only where not one row has it, layers are computed again. */
export function resolveMicroBatch(wish: Wish, model: MemoryShape, rows: Rows, room: Room): MicroBatch {
  const ways: Recompute[] = wish.recompute === 'auto' ? ['none', 'layers'] : [wish.recompute];
  if (wish.microBatchSize === 'auto') {
    const safe = {
      ...room,
      liveBytes: SHARE_OF_ROOM * room.liveBytes,
      residentBytes: SHARE_OF_ROOM * room.residentBytes,
    };
    for (const recompute of ways) {
      const microBatchSize = largest(recompute, rows.rowsPerStep, model, rows, safe);
      if (microBatchSize > 0) return { microBatchSize, recompute };
    }
  }
  const microBatchSize = wish.microBatchSize === 'auto' ? 1 : Math.min(wish.microBatchSize, rows.rowsPerStep);
  for (const recompute of ways) {
    if (isWithin(room, memoryOf({ microBatchSize, recompute }, model, rows, room)))
      return { microBatchSize, recompute };
  }
  const wanted = { microBatchSize, recompute: ways[0]! };
  const words = `${wordsOf(wanted, rows)} would need ${needOf(memoryOf(wanted, model, rows, room), room)}`;
  const pointer = wish.microBatchSize === 'auto' ? '/training/recompute' : '/training/microBatchSize';
  const other = smaller(wanted, wanted.microBatchSize - 1, model, rows, room);
  if (other === undefined) throw new InputError(`${words}; ${nothingFits(model, rows, room)}`, { pointer: '/model' });
  throw new InputError(`${words}; ${proposalOf(other, model, rows, room)}`, { pointer });
}

/** What one trainer takes with this micro-batch: bytes of live tensors, and of the whole process, at their peaks. */
export function bytesOfTrainer(
  chosen: MicroBatch,
  model: MemoryShape,
  rows: Rows,
  kernels: Kernels | undefined,
): { readonly liveBytes: number; readonly residentBytes: number } {
  const memory = memoryOf(chosen, model, rows, { kernels });
  return { liveBytes: memory.peakLiveBytes, residentBytes: trainerBytes(memory) };
}

/** After memory ran out with a micro-batch that was thought to fit: what to submit instead, in words; half of it, because one row less would hardly help. */
export function adviseLess(tried: MicroBatch, model: MemoryShape, rows: Rows, room: Room): string {
  const other = smaller(tried, Math.floor(tried.microBatchSize / 2), model, rows, room);
  return other === undefined ? nothingFits(model, rows, room) : proposalOf(other, model, rows, room);
}

/** A smaller way that fits: at most so many rows, and if none do, layers computed again. */
function smaller(
  tried: MicroBatch,
  mostRows: number,
  model: MemoryShape,
  rows: Rows,
  room: Room,
): MicroBatch | undefined {
  const fewer = largest(tried.recompute, mostRows, model, rows, room);
  if (fewer > 0) return { microBatchSize: fewer, recompute: tried.recompute };
  if (tried.recompute === 'layers') return undefined;
  const again = largest('layers', tried.microBatchSize, model, rows, room);
  return again > 0 ? { microBatchSize: again, recompute: 'layers' } : undefined;
}

/** Rows of the largest micro-batch up to `most` that fits; 0 when none does. Need grows with the rows. */
function largest(recompute: Recompute, most: number, model: MemoryShape, rows: Rows, room: Room): number {
  const fits = (microBatchSize: number) => isWithin(room, memoryOf({ microBatchSize, recompute }, model, rows, room));
  if (most < 1 || fits(most)) return Math.max(0, most);
  let [low, high] = [0, most]; // low fits or is 0, high does not
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function memoryOf(
  { microBatchSize, recompute }: MicroBatch,
  model: MemoryShape,
  rows: Rows,
  room: { readonly kernels?: Kernels | undefined },
): MemoryPlan {
  const { seqLength, rowsPerStep, precision } = rows;
  const step = { microBatchSize, recompute, seqLength, rowsPerStep, ...(precision && { precision }) };
  return planMemory(model, step, room.kernels);
}

function isWithin(room: Room, memory: MemoryPlan): boolean {
  return memory.peakLiveBytes <= room.liveBytes && trainerBytes(memory) <= room.residentBytes;
}

/** The whole process at its peak; a checkpoint is copied out of the back end before it is written. */
function trainerBytes({ rssAboveIdleBytes, stateBytes }: MemoryPlan): number {
  return IDLE_TRAINER_BYTES + rssAboveIdleBytes + stateBytes;
}

function wordsOf({ microBatchSize, recompute }: MicroBatch, { seqLength }: Rows): string {
  const again = recompute === 'layers' ? ' with recompute "layers"' : '';
  return `microBatchSize ${microBatchSize}${again} (${microBatchSize} × ${seqLength} tokens)`;
}

/** The need beside the room that is the tighter of the two. */
function needOf(memory: MemoryPlan, room: Room): string {
  if (room.liveBytes === Infinity && room.residentBytes === Infinity) return gb(memory.peakLiveBytes);
  if (memory.peakLiveBytes / room.liveBytes >= trainerBytes(memory) / room.residentBytes) {
    return `${gb(memory.peakLiveBytes)} of the ${gb(room.liveBytes)} that ${room.owner} can hold`;
  }
  return `${gb(trainerBytes(memory))} of the ${gb(room.residentBytes)} that the machine has for each of the trainers side by side`;
}

function proposalOf(other: MicroBatch, model: MemoryShape, rows: Rows, room: Room): string {
  return `${wordsOf(other, rows)} would need ${needOf(memoryOf(other, model, rows, room), room)}`;
}

function nothingFits(model: MemoryShape, rows: Rows, room: Room): string {
  const least = memoryOf({ microBatchSize: 1, recompute: 'layers' }, model, rows, room);
  return `even one row with recompute "layers" would need ${needOf(least, room)}: take a smaller model, or another back end or machine`;
}

function gb(bytes: number): string {
  return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
