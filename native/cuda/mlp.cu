// The two linear layers of an MLP with GELU between them, W₁ [F, C], W₂ [C, F]: y = W₂·gelu(W₁x + b₁) + b₂. Kept for the gradient are x and the wide layer
// before GELU. GELU: ½x(1 + tanh u) = x·σ(2u), u = 0.79788456·x·(1 + 0.044715·x²), or x·½(1 + erf(x/√2)).
#include "matrices.h"

namespace {

using namespace gpu;

constexpr float DOUBLE_SCALE = 2 * 0.79788456f;
constexpr float CUBIC = 0.044715f;

__device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

struct Gelu {
  GeluForm form;

  __device__ float value(float x) const {
    if (form == GeluForm::erf) return x * 0.5f * (1 + erff(x * 0.70710678118f));
    return x * sigmoid(DOUBLE_SCALE * x * (1 + CUBIC * x * x));
  }

  __device__ float slope(float x) const {
    if (form == GeluForm::erf) return 0.5f * (1 + erff(x * 0.70710678118f)) + x * 0.3989422804f * expf(-0.5f * x * x);
    const float gate = sigmoid(DOUBLE_SCALE * x * (1 + CUBIC * x * x));
    // Beyond ±1e6 the square overflows, and the gate is 0 or 1 long before.
    const float y = fminf(fmaxf(x, -1e6f), 1e6f);
    return gate * (1 + (1 - gate) * DOUBLE_SCALE * y * (1 + 3 * CUBIC * y * y));
  }
};

/** numbers: N, C, F, form, precision. */
struct Sizes {
  i64 N, C, F;
  Gelu gelu;
};

Sizes sizesOf(const Arguments& a) { return {size(a, 0), size(a, 1), size(a, 2), {static_cast<GeluForm>(size(a, 3))}}; }

/** in: x, W₁, b₁, W₂, b₂; out: y, wide. */
template <typename Value>
void forward(const Arguments& a) {
  const Sizes s = sizesOf(a);
  const i64 N = s.N, C = s.C, F = s.F;
  const Gelu gelu = s.gelu;
  const Scratch room(sizeof(Value) * (N * F + roomOf<Value>(N * C)));
  Value* active = room.as<Value>();
  const Value* x = rounded(floats(a, 0), active + N * F, N * C);
  const float *wideBias = floats(a, 2), *bias = floats(a, 4);
  float *wide = result(a, 1), *y = result(a, 0);
  multiply<Value>(N, F, C, {x, false, C}, {weightsAs<Value>(a.in[1]), true, C}, {wide, F});
  each(N * F, [=] __device__(i64 i) {
    const float value = wide[i] + wideBias[i % F];
    wide[i] = value;
    store(gelu.value(value), active + i);
  });
  each(N * C, [=] __device__(i64 i) { y[i] = bias[i % C]; });
  multiply<Value>(N, C, F, {active, false, F}, {weightsAs<Value>(a.in[3]), true, F}, {y, C}, true);
}

/** in: dy, x, wide, W₁, W₂; out: dx, dW₁, db₁, dW₂, db₂. */
template <typename Value>
void gradient(const Arguments& a) {
  const Sizes s = sizesOf(a);
  const i64 N = s.N, C = s.C, F = s.F;
  const Gelu gelu = s.gelu;
  const Scratch wideRoom(sizeof(float) * N * F), room(sizeof(Value) * (N * F + roomOf<Value>(2 * N * C)));
  float* dWide = wideRoom.as<float>();
  Value* active = room.as<Value>();
  const Value* dy = rounded(floats(a, 0), active + N * F, N * C);
  const Value* x = rounded(floats(a, 1), active + N * F + N * C, N * C);
  const float* wide = floats(a, 2);
  each(N * F, [=] __device__(i64 i) { store(gelu.value(wide[i]), active + i); });
  multiply<Value>(C, F, N, {dy, true, C}, {active, false, F}, {result(a, 3), F});
  multiply<Value>(N, F, C, {dy, false, C}, {weightsAs<Value>(a.in[4]), false, F}, {dWide, F});
  each(N * F, [=] __device__(i64 i) {
    dWide[i] *= gelu.slope(wide[i]);
    store(dWide[i], active + i);
  });
  columnSums(N, F, result(a, 2), [=] __device__(i64 row, i64 j) { return dWide[row * F + j]; });
  multiply<Value>(N, C, F, {active, false, F}, {weightsAs<Value>(a.in[3]), false, C}, {result(a, 0), C});
  multiply<Value>(F, C, N, {active, true, F}, {x, false, C}, {result(a, 1), C});
}

} // namespace

namespace gpu {

void mlp(const Arguments& a) {
  if (isHalf(a, 4)) forward<bf16>(a);
  else forward<float>(a);
}

void mlpGradient(const Arguments& a) {
  const i64 C = size(a, 1);
  const float* dy = floats(a, 0);
  columnSums(size(a, 0), C, result(a, 4), [=] __device__(i64 row, i64 j) { return dy[row * C + j]; });
  if (isHalf(a, 4)) gradient<bf16>(a);
  else gradient<float>(a);
}

} // namespace gpu
