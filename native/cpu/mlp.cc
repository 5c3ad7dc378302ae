// The two linear layers of an MLP with GELU between them, W₁ [F, C], W₂ [C, F]: y = W₂·gelu(W₁x + b₁) + b₂. Kept for the gradient are x and the wide layer
// before GELU; GELU's values are formed where a product needs them, in bf16 on the way to its rounding.
#include "gelu.h"
#include "matrices.h"

namespace {

/** numbers: N, C, F, form, precision. */
struct Sizes {
  i64 N, C, F;
  GeluForm form;
};

inline Sizes sizesOf(const Arguments& a) { return {size(a, 0), size(a, 1), size(a, 2), (GeluForm)(int)a.numbers[3]}; }

/** gelu(wide) → out, which are floats or bf16 values. */
template <typename Form, typename Value>
void activate(const float* wide, Value* out, i64 count, int numThreads) {
#pragma omp parallel for simd schedule(static) num_threads(numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) store(Form::value(wide[i]), out + i);
}

template <typename Value>
void activated(GeluForm form, const float* wide, Value* out, i64 count, int numThreads) {
  if (form == GeluForm::tanh) activate<TanhForm>(wide, out, count, numThreads);
  else activate<ErfForm>(wide, out, count, numThreads);
}

/** dOut·slope(wide) in place of dOut. */
template <typename Form>
void slope(float* dOut, const float* wide, i64 count, int numThreads) {
#pragma omp parallel for simd schedule(static) num_threads(numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) dOut[i] *= Form::slope(wide[i]);
}

void sloped(GeluForm form, float* dOut, const float* wide, i64 count, int numThreads) {
  if (form == GeluForm::tanh) slope<TanhForm>(dOut, wide, count, numThreads);
  else slope<ErfForm>(dOut, wide, count, numThreads);
}

/** Value: of the factors. Kernel inputs: x, W₁, b₁, W₂, b₂; outputs: y, wide. */
template <typename Value>
void forward(const Arguments& a) {
  const auto [N, C, F, form] = sizesOf(a);
  Value *active = (Value*)a.scratch, *room = active + N * F;
  float* wide = result(a, 1);
  multiplyByWeights(N, F, C, MatrixOf<Value>{rounded(floats(a, 0), room, N * C, a.numThreads), false, C}, a.in[1], true, floats(a, 2), wide, F);
  activated(form, wide, active, N * F, a.numThreads);
  multiplyByWeights(N, C, F, MatrixOf<Value>{active, false, F}, a.in[3], true, floats(a, 4), result(a, 0), C);
}

/** in: dy, x, wide, W₁, W₂; out: dx, dW₁, db₁, dW₂, db₂. */
template <typename Value>
void gradient(const Arguments& a) {
  const auto [N, C, F, form] = sizesOf(a);
  float* dWide = (float*)a.scratch;
  Value *active = (Value*)(dWide + N * F), *dyRoom = active + N * F, *xRoom = dyRoom + N * C;
  const Value *dy = rounded(floats(a, 0), dyRoom, N * C, a.numThreads), *x = rounded(floats(a, 1), xRoom, N * C, a.numThreads);
  activated(form, floats(a, 2), active, N * F, a.numThreads);
  multiply(C, F, N, MatrixOf<Value>{dy, true, C}, MatrixOf<Value>{active, false, F}, result(a, 3), F);
  multiplyByWeights(N, F, C, MatrixOf<Value>{dy, false, C}, a.in[4], false, nullptr, dWide, F);
  sloped(form, dWide, floats(a, 2), N * F, a.numThreads);
  columnSums(dWide, result(a, 2), N, F, a.numThreads);
  const Value* factor = rounded(dWide, active, N * F, a.numThreads);
  multiplyByWeights(N, C, F, MatrixOf<Value>{factor, false, F}, a.in[3], false, nullptr, result(a, 0), C);
  multiply(F, C, N, MatrixOf<Value>{factor, true, F}, MatrixOf<Value>{x, false, C}, result(a, 1), C);
}

} // namespace

namespace TIRESIAS_LEVEL {

void mlp(const Arguments& a) {
  if (isHalf(a, 4)) forward<uint16_t>(a);
  else forward<float>(a);
}

void mlpGradient(const Arguments& a) {
  columnSums(floats(a, 0), result(a, 4), size(a, 0), size(a, 1), a.numThreads);
  if (isHalf(a, 4)) gradient<uint16_t>(a);
  else gradient<float>(a);
}

} // namespace TIRESIAS_LEVEL
