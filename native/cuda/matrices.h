// Matrix products, by cuBLAS. Row-major; the only door to the library. fp32 is never rounded to TF32.
#pragma once
#include <string>
#include "launch.h"

namespace gpu {

template <typename Value>
struct MatrixOf {
  const Value* data;
  bool isTransposed;
  i64 stride;   // values from one stored row to the next
  i64 step = 0; // values from one matrix of a batch to the next
};

struct Target {
  float* data;
  i64 stride;
  i64 step = 0;
};

/** c [m, n] = a [m, k] · b [k, n] for each of a batch, or c + that with `adds`; sums are fp32. Value: float or bf16. */
template <typename Value>
void multiply(i64 m, i64 n, i64 k, MatrixOf<Value> a, MatrixOf<Value> b, Target c, bool adds = false, i64 batch = 1);

/** Weights as a product takes them: floats where they are, bf16 in a copy that is kept beside their buffer until a kernel writes it. */
template <typename Value>
const Value* weightsAs(const Operand& weights);

/** Values as a product takes them: floats where they are, bf16 in `room`. */
inline const float* rounded(const float* x, float*, i64) { return x; }
inline const bf16* rounded(const float* x, bf16* room, i64 count) {
  each(count, [=] __device__(i64 i) { store(x[i], room + i); });
  return room;
}

/** Values that `rounded` needs room for. */
template <typename Value>
constexpr i64 roomOf(i64 count) {
  return sizeof(Value) < sizeof(float) ? count : 0;
}

/** The library's version; starts it. */
std::string cublasWords();

} // namespace gpu

using gpu::cublasWords;
