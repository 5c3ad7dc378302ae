// y = x·Wᵀ + b with W [out, in], and its gradients. In bf16 the factors are rounded, the weights once an update.
#include "loops.h"
#include "matrices.h"

namespace {

/** numbers: N, in, out, precision. Value: of the factors. */
template <typename Value>
void forward(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const Value* x = rounded(floats(a, 0), (Value*)a.scratch, N * I, a.numThreads);
  multiplyByWeights(N, O, I, MatrixOf<Value>{x, false, I}, a.in[1], true, floats(a, 2), result(a, 0), O);
}

template <typename Value>
void gradient(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  Value *dyRoom = (Value*)a.scratch, *xRoom = dyRoom + N * O;
  const Value *dy = rounded(floats(a, 0), dyRoom, N * O, a.numThreads), *x = rounded(floats(a, 1), xRoom, N * I, a.numThreads);
  multiplyByWeights(N, I, O, MatrixOf<Value>{dy, false, O}, a.in[2], false, nullptr, result(a, 0), I);
  multiply(O, I, N, MatrixOf<Value>{dy, true, O}, MatrixOf<Value>{x, false, I}, result(a, 1), I);
}

} // namespace

namespace TIRESIAS_LEVEL {

void linear(const Arguments& a) {
  if (isHalf(a, 3)) forward<uint16_t>(a);
  else forward<float>(a);
}

void linearGradient(const Arguments& a) {
  columnSums(floats(a, 0), result(a, 2), size(a, 0), size(a, 2), a.numThreads);
  if (isHalf(a, 3)) gradient<uint16_t>(a);
  else gradient<float>(a);
}

} // namespace TIRESIAS_LEVEL
