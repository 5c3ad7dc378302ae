// A back end of `native/` as TensorFlow.js knows one: tensors are device buffers, kernels are queued in order on one thread of the addon, so that the event loop
// stays free; reading waits for what was queued before. What lives is counted here: an allocation beyond the limit is refused by name.
import * as tf from '@tensorflow/tfjs-core';
import { OutOfMemoryError } from '../../errors.ts';
import { DTYPES, explained, type Addon, type Device, type Handle, type KernelTime, type NativeDtype } from './addon.ts';

interface Stored {
  readonly handle: Handle;
  readonly dtype: NativeDtype;
  readonly numBytes: number;
  refCount: number;
}

export interface NativeSettings {
  readonly device: Device;
  readonly numThreads: number;
  /** Bytes of live tensors that are allowed, where the device has so many of its own. */
  readonly limitOf: (memoryBytes: number) => number;
}

export class NativeBackend extends tf.KernelBackend {
  readonly device: Device;
  readonly level: string;
  readonly facts: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
  readonly numThreads: number;
  liveBytes = 0;
  peakLiveBytes = 0;
  readonly #addon: Addon;
  readonly #kernels: ReadonlyMap<string, number>;
  readonly #stored: tf.DataStorage<Stored>;
  readonly #limitBytes: number;

  constructor(addon: Addon, { device, numThreads, limitOf }: NativeSettings) {
    super();
    const { level, facts, memoryBytes, kernels } = addon.start(numThreads);
    process.once('exit', () => addon.stop()); // a kernel that ran on while the libraries are taken down would crash
    this.device = device;
    this.level = level;
    this.facts = facts;
    this.memoryBytes = memoryBytes;
    this.numThreads = numThreads;
    this.#addon = addon;
    this.#kernels = new Map(kernels.map((name, place) => [name, place]));
    this.#stored = new tf.DataStorage(this, tf.engine());
    this.#limitBytes = limitOf(memoryBytes);
  }

  /** Queues a kernel of the addon. Throws when it is not in the table or its arguments do not fit one another. */
  run(kernel: string, inputs: readonly tf.TensorInfo[], outputs: readonly tf.TensorInfo[], numbers: readonly number[]) {
    const place = this.#kernels.get(kernel);
    if (place === undefined) throw new Error(`bug: native/kernels.h has no kernel ${kernel}`);
    const handles = (infos: readonly tf.TensorInfo[]) => infos.map(({ dataId }) => this.#of(dataId).handle);
    this.#addon.run(place, handles(inputs), handles(outputs), numbers);
  }

  /** A tensor that a kernel is about to write. */
  makeOutput(shape: readonly number[], dtype: tf.DataType = 'float32'): tf.TensorInfo {
    const own = nativeDtype(dtype);
    const count = tf.util.sizeFromShape([...shape]);
    const numBytes = this.#count(count, own, shape);
    const dataId = {};
    const handle = this.#addon.allocate(DTYPES[own], count);
    this.#stored.set(dataId, { handle, dtype: own, numBytes, refCount: 1 });
    return { dataId, shape: [...shape], dtype };
  }

  /** The same values under another shape. */
  share(x: tf.TensorInfo, shape: readonly number[] = x.shape): tf.TensorInfo {
    this.incRef(x.dataId);
    return { dataId: x.dataId, shape: [...shape], dtype: x.dtype };
  }

  /** What a kernel may write over x, whose caller gives it up: x's own memory where nobody else holds it. */
  inPlace(x: tf.TensorInfo): tf.TensorInfo {
    return this.refCount(x.dataId) === 1 ? this.share(x) : this.makeOutput(x.shape);
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    const dataId = {};
    this.move(dataId, values, shape, dtype, 1);
    return dataId;
  }

  override move(
    dataId: tf.DataId,
    values: tf.BackendValues,
    shape: number[],
    dtype: tf.DataType,
    refCount: number,
  ): void {
    const own = nativeDtype(dtype);
    const count = tf.util.sizeFromShape(shape);
    if (values.length !== count) throw new Error(`bug: ${values.length} values for shape [${shape.join(', ')}]`);
    const numBytes = this.#count(count, own, shape);
    const handle = attempt(() => this.#addon.upload(DTYPES[own], typedValues(values, own)));
    this.#stored.set(dataId, { handle, dtype: own, numBytes, refCount });
  }

  override async read(dataId: tf.DataId): Promise<tf.BackendValues> {
    try {
      return await this.#addon.read(this.#of(dataId).handle);
    } catch (error) {
      throw explained(error);
    }
  }

  override readSync(dataId: tf.DataId): tf.BackendValues {
    return attempt(() => this.#addon.readSync(this.#of(dataId).handle));
  }

  override disposeData(dataId: tf.DataId, force = false): boolean {
    if (!this.#stored.has(dataId)) return true;
    const stored = this.#stored.get(dataId);
    stored.refCount -= 1;
    if (!force && stored.refCount > 0) return false;
    this.#addon.dispose(stored.handle);
    this.#stored.delete(dataId);
    this.liveBytes -= stored.numBytes;
    return true;
  }

  override incRef(dataId: tf.DataId): void {
    this.#of(dataId).refCount += 1;
  }

  override refCount(dataId: tf.DataId): number {
    return this.#stored.has(dataId) ? this.#stored.get(dataId).refCount : 0;
  }

  override numDataIds(): number {
    return this.#stored.numDataIds();
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override timerAvailable(): boolean {
    return false;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override dispose(): void {
    // Its tensors are disposed by their owners; the addon's thread ends with the process.
  }

  /** What each kernel has taken since the start, those that ran. */
  kernelTimes(): KernelTime[] {
    return this.#addon.times().filter(({ numCalls }) => numCalls > 0);
  }

  #of(dataId: tf.DataId): Stored {
    if (!this.#stored.has(dataId) && !tf.engine().state.tensorInfo.has(dataId)) {
      throw new Error('a tensor was used after it was disposed');
    }
    return this.#stored.get(dataId); // takes a tensor over that another back end holds
  }

  #count(count: number, dtype: NativeDtype, shape: readonly number[]): number {
    const numBytes = count * tf.util.bytesPerElement(dtype);
    const liveBytes = this.liveBytes + numBytes;
    if (liveBytes > this.#limitBytes) {
      throw new OutOfMemoryError(
        `a tensor of shape [${shape.join(', ')}] would bring the ${this.device} back end to ${gib(liveBytes)} GiB of the ` +
          `${gib(this.#limitBytes)} that there are for it: take a smaller micro-batch or another machine`,
      );
    }
    this.liveBytes = liveBytes;
    this.peakLiveBytes = Math.max(this.peakLiveBytes, liveBytes);
    return numBytes;
  }
}

function nativeDtype(dtype: tf.DataType): NativeDtype {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return dtype;
  throw new Error(`the back ends native and cuda have no tensors of type ${dtype}`);
}

function typedValues(values: tf.BackendValues, dtype: NativeDtype): Float32Array | Int32Array | Uint8Array {
  const wanted = { float32: Float32Array, int32: Int32Array, bool: Uint8Array }[dtype];
  if (values instanceof wanted) return values;
  return wanted.from(values as unknown as ArrayLike<number>);
}

function attempt<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw explained(error);
  }
}

function gib(numBytes: number): string {
  return (numBytes / 1024 ** 3).toFixed(2);
}
