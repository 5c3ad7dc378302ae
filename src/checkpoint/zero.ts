// The fp32 weights and Adam moments of a GPT-NeoX run, put together from the files in which DeepSpeed spread them. Checkpoint end of the road.
// ZeRO stage 1 as in DeeperSpeed eb7f5cff (deepspeed/runtime/zero/stage1.py, elastic form): an optimizer group is one flat vector, cut into
// intervals and each interval into the data-parallel ranks' parts. Without ZeRO (14m, 31m) one file has the flat vectors whole.
import { DataError } from '../errors.ts';
import { shapeOnRank, type NeoxParameter } from './names.ts';
import { excerpt } from './excerpt.ts';
import { PickledObject, TensorReference, type PickleValue } from './pickle-values.ts';
import { countValues, type StoredTensor } from './stored-tensor.ts';
import type { TorchFile } from './torch-zip.ts';

export const MOMENTS = ['exp_avg', 'exp_avg_sq'] as const;
export type Quantity = 'master' | (typeof MOMENTS)[number];

/** What one tensor-parallel rank holds. */
export interface RankState {
  /** The rank's part of a parameter. */
  tensor(parameter: NeoxParameter, quantity: Quantity): StoredTensor;
  readonly lossScale: number;
}

type Groups = readonly [readonly NeoxParameter[], readonly NeoxParameter[]];

interface Segment {
  readonly tensor: StoredTensor;
  readonly start: number;
  readonly length: number;
}

/**
 * Opens the state of a tensor-parallel rank from its ZeRO-1 shards, data-parallel rank 0 first.
 * Throws DataError when the shards' parts do not make up the model's parameters.
 */
export function readZeroShards(files: readonly TorchFile[], groups: Groups, numRanks: number): RankState {
  const shards = files.map((file) => ({ file, state: dict(file, file.value, 'optimizer_state_dict') }));
  for (const { file, state } of shards) {
    expectEqual(file, 'zero_stage', state.get('zero_stage') ?? 1, 1);
    expectEqual(file, 'partition_count', state.get('partition_count') ?? files.length, files.length);
    checkShapes(file, groups, numRanks);
  }
  const vector = (group: number, quantity: Quantity): Segment[] => {
    const parts = shards.map(({ file, state }) => intervals(file, state, group, quantity));
    const numIntervals = parts[0]?.length ?? 0;
    for (const [rank, { file }] of shards.entries())
      expectEqual(file, `intervals of group ${group}`, parts[rank]!.length, numIntervals);
    return joined(
      Array.from({ length: numIntervals }, (_, c) =>
        shards.map(({ file }, r) => ({ file, tensor: parts[r]![c]! })),
      ).flat(),
    );
  };
  const { file, state } = shards[0]!; // the caller found at least one
  return rankState(groups, numRanks, vector, lossScaleOf(file, state.get('loss_scaler')));
}

/** Opens the state of a tensor-parallel rank from a model file that has the whole optimizer in it. */
export function readWholeOptimizer(file: TorchFile, groups: Groups, numRanks: number): RankState {
  const optimizer = dict(file, file.value, 'optimizer');
  const masters = list(file, optimizer.get('fp32_groups_flat'), 'optimizer.fp32_groups_flat');
  const states = dict(file, dict(file, optimizer, 'optimizer_state_dict'), 'state');
  const vector = (group: number, quantity: Quantity): Segment[] => {
    const moments = quantity === 'master' ? undefined : states.get(group);
    const found = quantity === 'master' ? masters[group] : moments instanceof Map ? moments.get(quantity) : undefined;
    return joined([{ file, tensor: tensor(file, found, `${quantity} of optimizer group ${group}`) }]);
  };
  return rankState(groups, numRanks, vector, number(file, optimizer.get('cur_scale'), 'optimizer.cur_scale'));
}

function rankState(
  groups: Groups,
  numRanks: number,
  vector: (group: number, quantity: Quantity) => Segment[],
  lossScale: number,
): RankState {
  const places = new Map<NeoxParameter, { group: number; start: number; length: number }>();
  const lengths = groups.map((parameters, group) => {
    let start = 0;
    for (const parameter of parameters) {
      const length = countValues(shapeOnRank(parameter, numRanks));
      places.set(parameter, { group, start, length });
      start += length;
    }
    return start;
  });
  const vectors = new Map<string, Segment[]>();
  for (const quantity of ['master', ...MOMENTS] as const) {
    for (const [group, expected] of lengths.entries()) {
      const segments = vector(group, quantity);
      const found = segments.reduce((sum, segment) => sum + segment.length, 0);
      if (found !== expected) {
        const where = segments[0]?.tensor.path ?? 'the optimizer state';
        throw new DataError(
          `${where}: expected ${expected} values of ${quantity} in group ${group} over all ranks (by the model's configuration), found ${found}; ` +
            'a shard is missing, or the configuration is of another model',
        );
      }
      vectors.set(`${quantity} ${group}`, segments);
    }
  }
  return {
    lossScale,
    tensor(parameter, quantity) {
      const place = places.get(parameter);
      if (!place) throw new Error(`bug: ${parameter.name} is in no optimizer group`);
      const segments = vectors.get(`${quantity} ${place.group}`)!; // all were set above
      const { path, dtype } = segments[0]!.tensor; // of a group that has at least this parameter
      const shape = shapeOnRank(parameter, numRanks);
      return { path, dtype, shape, read: (from, into) => readRange(segments, place.start + from, into) };
    },
  };
}

function joined(parts: readonly { file: TorchFile; tensor: TensorReference }[]): Segment[] {
  let start = 0;
  return parts.map(({ file, tensor }) => {
    const length = countValues(tensor.shape);
    start += length;
    return { tensor: file.tensor(tensor), start: start - length, length };
  });
}

function readRange(segments: readonly Segment[], start: number, into: Float32Array): void {
  for (const segment of segments) {
    const from = Math.max(start, segment.start);
    const to = Math.min(start + into.length, segment.start + segment.length);
    if (from < to) segment.tensor.read(from - segment.start, into.subarray(from - start, to - start));
  }
}

// [interval] of a group: the part of one data-parallel rank.
function intervals(
  file: TorchFile,
  state: Map<PickleValue, PickleValue>,
  group: number,
  quantity: Quantity,
): TensorReference[] {
  const field = quantity === 'master' ? 'local_sub_partitions_of_fp32_groups' : 'base_optimizer_state';
  const ofGroup = list(file, list(file, state.get(field), field)[group], `${field}[${group}]`);
  return ofGroup.map((part, c) => {
    const found = quantity === 'master' ? part : part instanceof Map ? part.get(quantity) : undefined;
    return tensor(file, found, `${field}[${group}][${c}] (${quantity})`);
  });
}

// The shapes that DeepSpeed recorded, where it did, must be those of the configuration: names tell of swapped or foreign shards.
function checkShapes(file: TorchFile, groups: Groups, numRanks: number): void {
  const shapes = file.value instanceof Map ? file.value.get('param_shapes') : undefined;
  if (!(shapes instanceof Map)) return;
  for (const parameter of groups.flat()) {
    const expected = excerpt(shapeOnRank(parameter, numRanks));
    const found = shapes.get(parameter.neoxName);
    if (excerpt(found) !== expected) {
      throw new DataError(
        `${file.path}: ${parameter.neoxName}: expected the shape ${expected} by the model's configuration, found ${found === undefined ? 'none' : excerpt(found)}`,
      );
    }
  }
}

function lossScaleOf(file: TorchFile, scaler: PickleValue | undefined): number {
  const state = scaler instanceof PickledObject && scaler.state instanceof Map ? scaler.state : undefined;
  return number(file, state?.get('cur_scale'), 'loss_scaler.cur_scale');
}

/** The dict under a key of a dict; throws DataError naming the file when it is not there. */
export function dict(file: TorchFile, of: PickleValue | undefined, key: string): Map<PickleValue, PickleValue> {
  const found = of instanceof Map ? of.get(key) : undefined;
  if (found instanceof Map) return found;
  throw new DataError(`${file.path}: expected a dict "${key}", found ${describe(found)}`);
}

/** A value as a number; throws DataError naming the file and the field when it is none. */
export function number(file: TorchFile, value: PickleValue | undefined, field: string): number {
  if (typeof value === 'number') return value;
  throw new DataError(`${file.path}: "${field}": expected a number, found ${describe(value)}`);
}

function list(file: TorchFile, value: PickleValue | undefined, field: string): PickleValue[] {
  if (Array.isArray(value)) return value;
  throw new DataError(`${file.path}: "${field}": expected a list, found ${describe(value)}`);
}

function tensor(file: TorchFile, value: PickleValue | undefined, field: string): TensorReference {
  if (value instanceof TensorReference && value.shape.length === 1) return value;
  throw new DataError(`${file.path}: "${field}": expected a flat tensor, found ${describe(value)}`);
}

function expectEqual(file: TorchFile, field: string, found: PickleValue, expected: number): void {
  if (found !== expected)
    throw new DataError(`${file.path}: "${field}": expected ${expected}, found ${describe(found)}`);
}

function describe(value: PickleValue | undefined): string {
  return value instanceof TensorReference ? `a tensor of shape ${excerpt(value.shape)}` : excerpt(value);
}
