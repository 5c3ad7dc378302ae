// Kernels that make one value, or one row, of each row.
#include "launch.h"
#include "rows.h"

namespace {

struct Place {
  float value;
  i64 column;
};

/** The larger; the first of equals. */
struct First {
  __device__ Place operator()(Place x, Place y) const { return y.value > x.value || (y.value == x.value && y.column < x.column) ? y : x; }
};

/** Values of a row from one to the next `step` apart, combined by one thread in their order. */
__device__ float along(const float* x, i64 count, i64 step, ReduceOperation operation) {
  float total = x[0];
  for (i64 i = 1; i < count; i++) total = operation == ReduceOperation::max ? gpu::Largest()(x[i * step], total) : total + x[i * step];
  return operation == ReduceOperation::mean ? total / count : total;
}

/** The row's values combined by a block. */
__device__ float acrossRow(const float* x, i64 count, ReduceOperation operation) {
  if (operation == ReduceOperation::max) {
    float largest = -INFINITY;
    for (i64 j = threadIdx.x; j < count; j += blockDim.x) largest = gpu::Largest()(x[j], largest);
    return gpu::acrossBlock(largest, gpu::Largest());
  }
  double sum = 0;
  for (i64 j = threadIdx.x; j < count; j += blockDim.x) sum += x[j];
  sum = gpu::acrossBlock(sum, gpu::Sum());
  return static_cast<float>(operation == ReduceOperation::mean ? sum / count : sum);
}

} // namespace

namespace gpu {

void argMax(const Arguments& a) {
  const i64 columns = size(a, 1);
  const float* values = floats(a, 0);
  std::int32_t* places = static_cast<std::int32_t*>(a.out[0].data);
  rowByRow(size(a, 0), WARP, [=] __device__(i64 row) {
    const float* x = values + row * columns;
    Place best = {x[0], 0};
    for (i64 j = threadIdx.x; j < columns; j += WARP) best = First()(best, {x[j], j});
    for (int step = WARP / 2; step > 0; step /= 2) {
      best = First()(best, {__shfl_xor_sync(0xffffffff, best.value, step), __shfl_xor_sync(0xffffffff, best.column, step)});
    }
    if (threadIdx.x == 0) places[row] = static_cast<std::int32_t>(best.column);
  });
}

void reduce(const Arguments& a) {
  const ReduceOperation operation = static_cast<ReduceOperation>(size(a, 0));
  const i64 outer = size(a, 1), reduced = size(a, 2), inner = size(a, 3);
  const float* x = floats(a, 0);
  float* y = result(a, 0);
  if (inner == 1) {
    rowByRow(outer, reduced, [=] __device__(i64 row) {
      const float value = acrossRow(x + row * reduced, reduced, operation);
      if (threadIdx.x == 0) y[row] = value;
    });
  } else {
    each(outer * inner, [=] __device__(i64 i) { y[i] = along(x + i / inner * reduced * inner + i % inner, reduced, inner, operation); });
  }
}

void softmax(const Arguments& a) {
  const i64 columns = size(a, 1);
  const float* values = floats(a, 0);
  float* results = result(a, 0);
  rowByRow(size(a, 0), columns, [=] __device__(i64 row) {
    const float* x = values + row * columns;
    const float largest = largestOf(x, columns), sum = sumOfExponentials(x, columns, largest);
    for (i64 j = threadIdx.x; j < columns; j += blockDim.x) results[row * columns + j] = expf(x[j] - largest) / sum;
  });
}

void squareSum(const Arguments& a) {
  i64 numChunks = 0, place = 0;
  for (int n = 0; n < a.numIn; n++) numChunks += chunks(a.in[n].count);
  const Scratch scratch(8 * numChunks);
  double* sums = scratch.as<double>();
  for (int n = 0; n < a.numIn; n++) {
    const float* x = floats(a, n);
    const i64 count = a.in[n].count, first = place;
    rowByRow(chunks(count), CHUNK, [=] __device__(i64 chunk) {
      const i64 end = (chunk + 1) * CHUNK < count ? (chunk + 1) * CHUNK : count;
      double sum = 0;
      for (i64 i = chunk * CHUNK + threadIdx.x; i < end; i += blockDim.x) sum += static_cast<double>(x[i]) * x[i];
      sum = acrossBlock(sum, Sum());
      if (threadIdx.x == 0) sums[first + chunk] = sum;
    });
    place += chunks(count);
  }
  total(sums, numChunks, 1, result(a, 0));
}

} // namespace gpu
