// How kernels are started: over single values, or a block of threads a row; and sums and largest values within a block, always in the same order.
#pragma once
#include <cuda_bf16.h>
#include <algorithm>
#include "../kernels.h"
#include "stream.h"

typedef __nv_bfloat16 bf16;

namespace gpu {

constexpr int BLOCK = 256;
constexpr int WARP = 32;
constexpr i64 MAX_BLOCKS = 1 << 16;

inline const float* floats(const Arguments& a, int i) { return static_cast<const float*>(a.in[i].data); }
inline const std::int32_t* ints(const Arguments& a, int i) { return static_cast<const std::int32_t*>(a.in[i].data); }
inline float* result(const Arguments& a, int i) { return static_cast<float*>(a.out[i].data); }
inline i64 size(const Arguments& a, int i) { return static_cast<i64>(a.numbers[i]); }
inline bool isHalf(const Arguments& a, int i) { return static_cast<Precision>(static_cast<int>(a.numbers[i])) == Precision::bf16; }

__device__ inline void store(float value, float* to) { *to = value; }
__device__ inline void store(float value, bf16* to) { *to = __float2bfloat16_rn(value); }

template <typename Body>
__global__ void eachValue(i64 count, Body body) {
  for (i64 i = blockIdx.x * static_cast<i64>(blockDim.x) + threadIdx.x; i < count; i += static_cast<i64>(gridDim.x) * blockDim.x) body(i);
}

/** body(i) for every i below count. */
template <typename Body>
void each(i64 count, Body body) {
  if (count == 0) return;
  eachValue<<<static_cast<unsigned>(std::min((count + BLOCK - 1) / BLOCK, MAX_BLOCKS)), BLOCK, 0, stream()>>>(count, body);
  must(cudaGetLastError());
}

template <typename Body>
__global__ void eachRow(i64 rows, Body body) {
  for (i64 row = blockIdx.x; row < rows; row += gridDim.x) body(row);
}

/** body(row) by a block of threads for every row; its threads share the columns by threadIdx.x. */
template <typename Body>
void rowByRow(i64 rows, i64 columns, Body body) {
  if (rows == 0) return;
  const int threads = columns > 4096 ? BLOCK : columns > 1024 ? 4 * WARP : WARP; // a few values a thread are worth less than no waiting for others
  eachRow<<<static_cast<unsigned>(std::min(rows, MAX_BLOCKS)), threads, 0, stream()>>>(rows, body);
  must(cudaGetLastError());
}

struct Sum {
  template <typename Value>
  __device__ Value operator()(Value x, Value y) const {
    return x + y;
  }
};

/** The larger; NaN wins. */
struct Largest {
  __device__ float operator()(float x, float y) const { return x > y || x != x ? x : y; }
};

/** The values of a block's threads combined, for all of them to see. The number of threads must be a multiple of a warp; all must come here. */
template <typename Value, typename Combine>
__device__ Value acrossBlock(Value value, Combine combine) {
  __shared__ Value parts[BLOCK / WARP];
  for (int step = WARP / 2; step > 0; step /= 2) value = combine(value, __shfl_xor_sync(0xffffffff, value, step));
  if (threadIdx.x % WARP == 0) parts[threadIdx.x / WARP] = value;
  __syncthreads();
  value = parts[0];
  for (int part = 1; part < static_cast<int>(blockDim.x) / WARP; part++) value = combine(value, parts[part]);
  __syncthreads(); // the next use may write the parts
  return value;
}

/** Σ term(row, column) over the rows, for every column, in fp64: first by stripes of rows, then over the stripes. */
template <typename Term>
void columnSums(i64 rows, i64 columns, float* sums, Term term) {
  constexpr i64 STRIPE = 64;
  const i64 numStripes = (rows + STRIPE - 1) / STRIPE;
  const Scratch scratch(8 * numStripes * columns);
  double* parts = scratch.as<double>();
  each(numStripes * columns, [=] __device__(i64 place) {
    const i64 first = place / columns * STRIPE, last = first + STRIPE < rows ? first + STRIPE : rows;
    double sum = 0;
    for (i64 row = first; row < last; row++) sum += term(row, place % columns);
    parts[place] = sum;
  });
  each(columns, [=] __device__(i64 column) {
    double sum = 0;
    for (i64 stripe = 0; stripe < numStripes; stripe++) sum += parts[stripe * columns + column];
    sums[column] = static_cast<float>(sum);
  });
}

} // namespace gpu
