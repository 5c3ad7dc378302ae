// The two linear layers of an MLP with GELU between them, W₁ [F, C], W₂ [C, F]: y = W₂·gelu(W₁x + b₁) + b₂. Kept for the gradient are x and the wide layer
// before GELU; GELU's values are formed where a product needs them, in bf16 on the way to its rounding.
#include "gelu.h"
#include "matrices.h"

namespace {

/** numbers: N, C, F, form, precision. */
struct Sizes {
  i64 N, C, F;
  GeluForm form;
  bool isHalf;
};

inline Sizes sizesOf(const Arguments& a) { return {size(a, 0), size(a, 1), size(a, 2), (GeluForm)(int)a.numbers[3], isHalf(a, 4)}; }

inline void store(float value, float* to) { *to = value; }
inline void store(float value, uint16_t* to) { *to = toHalf(value); }

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

/** dOut·slope(wide) → dWide [N, F], floats or bf16 values, and their sums over rows in fp64 → dBias. */
template <typename Form, typename Value>
void slopes(const float* dOut, const float* wide, Value* dWide, float* dBias, i64 N, i64 F, int numThreads) {
  constexpr i64 WIDTH = 64;
#pragma omp parallel for schedule(static) num_threads(numThreads) if (N * F > ALONE)
  for (i64 begin = 0; begin < F; begin += WIDTH) {
    const i64 width = F - begin < WIDTH ? F - begin : WIDTH;
    double total[WIDTH] = {0};
    float row[WIDTH];
    for (i64 n = 0; n < N; n++) {
      const float *d = dOut + n * F + begin, *x = wide + n * F + begin;
      Value* out = dWide + n * F + begin;
#pragma omp simd
      for (i64 j = 0; j < width; j++) row[j] = d[j] * Form::slope(x[j]);
#pragma omp simd
      for (i64 j = 0; j < width; j++) store(row[j], out + j);
#pragma omp simd
      for (i64 j = 0; j < width; j++) total[j] += row[j];
    }
    for (i64 j = 0; j < width; j++) dBias[begin + j] = (float)total[j];
  }
}

template <typename Value>
void sloped(GeluForm form, const float* dOut, const float* wide, Value* dWide, float* dBias, i64 N, i64 F, int numThreads) {
  if (form == GeluForm::tanh) slopes<TanhForm>(dOut, wide, dWide, dBias, N, F, numThreads);
  else slopes<ErfForm>(dOut, wide, dWide, dBias, N, F, numThreads);
}

inline void layBias(const float* bias, float* y, i64 N, i64 O, int numThreads) {
#pragma omp parallel for schedule(static) num_threads(numThreads) if (N * O > ALONE)
  for (i64 row = 0; row < N; row++) memcpy(y + row * O, bias, O * sizeof(float));
}

void forward(const Arguments& a, const Sizes& s) {
  const auto [N, C, F, form, half] = s;
  float *y = result(a, 0), *wide = result(a, 1), *active = (float*)a.scratch;
  layBias(floats(a, 2), wide, N, F, a.numThreads);
  multiply(N, F, C, {floats(a, 0), false, C}, {floats(a, 1), true, C}, wide, F, true);
  activated(form, wide, active, N * F, a.numThreads);
  layBias(floats(a, 4), y, N, C, a.numThreads);
  multiply(N, C, F, {active, false, F}, {floats(a, 3), true, F}, y, C, true);
}

void forwardHalf(const Arguments& a, const Sizes& s) {
  const auto [N, C, F, form, half] = s;
  uint16_t *x = (uint16_t*)a.scratch, *active = x + N * C;
  toHalves(floats(a, 0), x, N * C, a.numThreads);
  multiplyByWeights(N, F, C, {x, false, C}, a.in[1], true, floats(a, 2), result(a, 1), F);
  activated(form, result(a, 1), active, N * F, a.numThreads);
  multiplyByWeights(N, C, F, {active, false, F}, a.in[3], true, floats(a, 4), result(a, 0), C);
}

/** in: dy, x, wide, W₁, W₂; out: dx, dW₁, db₁, dW₂, db₂. */
void gradient(const Arguments& a, const Sizes& s) {
  const auto [N, C, F, form, half] = s;
  const float *dy = floats(a, 0), *x = floats(a, 1), *wide = floats(a, 2);
  float *active = (float*)a.scratch, *dWide = active + N * F;
  activated(form, wide, active, N * F, a.numThreads);
  multiply(C, F, N, {dy, true, C}, {active, false, F}, result(a, 3), F);
  multiply(N, F, C, {dy, false, C}, {floats(a, 4), false, F}, dWide, F);
  sloped(form, dWide, wide, dWide, result(a, 2), N, F, a.numThreads);
  multiply(N, C, F, {dWide, false, F}, {floats(a, 3), false, C}, result(a, 0), C);
  multiply(F, C, N, {dWide, true, F}, {x, false, C}, result(a, 1), C);
}

void gradientHalf(const Arguments& a, const Sizes& s) {
  const auto [N, C, F, form, half] = s;
  float* dActive = (float*)a.scratch;
  uint16_t *dy = (uint16_t*)(dActive + N * F), *x = dy + N * C, *active = x + N * C, *dWide = active + N * F;
  toHalves(floats(a, 0), dy, N * C, a.numThreads);
  toHalves(floats(a, 1), x, N * C, a.numThreads);
  activated(form, floats(a, 2), active, N * F, a.numThreads);
  multiplyHalf(C, F, N, {dy, true, C}, {active, false, F}, result(a, 3), F);
  multiplyByWeights(N, F, C, {dy, false, C}, a.in[4], false, nullptr, dActive, F);
  sloped(form, dActive, floats(a, 2), dWide, result(a, 2), N, F, a.numThreads);
  multiplyByWeights(N, C, F, {dWide, false, F}, a.in[3], false, nullptr, result(a, 0), C);
  multiplyHalf(F, C, N, {dWide, true, F}, {x, false, C}, result(a, 1), C);
}

} // namespace

namespace TIRESIAS_LEVEL {

void mlp(const Arguments& a) {
  const Sizes sizes = sizesOf(a);
  if (sizes.isHalf) forwardHalf(a, sizes);
  else forward(a, sizes);
}

void mlpGradient(const Arguments& a) {
  const Sizes sizes = sizesOf(a);
  columnSums(floats(a, 0), result(a, 4), sizes.N, sizes.C, a.numThreads);
  if (sizes.isHalf) gradientHalf(a, sizes);
  else gradient(a, sizes);
}

} // namespace TIRESIAS_LEVEL
