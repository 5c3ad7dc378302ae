// y = x·Wᵀ + b with W [out, in], its gradients, and plain products. In bf16 the factors are rounded, the weights once an update.
#include "matrices.h"

namespace {

using namespace gpu;

template <typename Value>
void forward(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const Scratch room(roomOf<Value>(N * I) * sizeof(Value));
  const Value* x = rounded(floats(a, 0), room.as<Value>(), N * I);
  const float* bias = floats(a, 2);
  float* y = result(a, 0);
  each(N * O, [=] __device__(i64 i) { y[i] = bias[i % O]; });
  multiply<Value>(N, O, I, {x, false, I}, {weightsAs<Value>(a.in[1]), true, I}, {y, O}, true);
}

template <typename Value>
void gradient(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const Scratch room(roomOf<Value>(N * (O + I)) * sizeof(Value));
  const Value* dy = rounded(floats(a, 0), room.as<Value>(), N * O);
  const Value* x = rounded(floats(a, 1), room.as<Value>() + N * O, N * I);
  multiply<Value>(N, I, O, {dy, false, O}, {weightsAs<Value>(a.in[2]), false, I}, {result(a, 0), I});
  multiply<Value>(O, I, N, {dy, true, O}, {x, false, I}, {result(a, 1), I});
}

} // namespace

namespace gpu {

void linear(const Arguments& a) {
  if (isHalf(a, 3)) forward<bf16>(a);
  else forward<float>(a);
}

void linearGradient(const Arguments& a) {
  const i64 O = size(a, 2);
  const float* dy = floats(a, 0);
  columnSums(size(a, 0), O, result(a, 2), [=] __device__(i64 row, i64 j) { return dy[row * O + j]; });
  if (isHalf(a, 3)) gradient<bf16>(a);
  else gradient<float>(a);
}

void product(const Arguments& a) {
  const i64 batch = size(a, 0), m = size(a, 1), n = size(a, 2), k = size(a, 3);
  const bool isATransposed = size(a, 4) == 1, isBTransposed = size(a, 5) == 1;
  multiply<float>(m, n, k, {floats(a, 0), isATransposed, isATransposed ? m : k, size(a, 6) * m * k},
                  {floats(a, 1), isBTransposed, isBTransposed ? k : n, size(a, 7) * k * n}, {result(a, 0), n, m * n}, false, batch);
}

} // namespace gpu
