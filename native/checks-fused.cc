// Checks of the fused kernels' arguments, as checks.cc does.
#include "checks.h"

namespace {

/** batch, length, heads, head size, rotated dimensions. */
struct AttentionSizes {
  std::int64_t B, T, H, D, R;
};

struct MlpSizes {
  std::int64_t N, C, F;
};

MlpSizes mlpSizes(const Arguments& a) {
  if (sizeAt(a, 3) > 1) refuse("there is no form of that number");
  return {sizeAt(a, 0), sizeAt(a, 1), sizeAt(a, 2)};
}

AttentionSizes attentionSizes(const Arguments& a) {
  const AttentionSizes s{sizeAt(a, 0), sizeAt(a, 1), sizeAt(a, 2), sizeAt(a, 3), sizeAt(a, 4)};
  if (s.R > s.D || s.R % 2 != 0) refuse("rotated dimensions must be even and fit the head");
  if (s.B * s.T * s.H * s.D == 0) refuse("attention of nothing");
  return s;
}

} // namespace

namespace checks {

/** in: weight, expAvg, expAvgSq, gradient; out: the first three, updated; numbers: count, rate, β1, β2, ε, decay, gradient scale, corrections 1 and 2. */
std::int64_t adamw(const Arguments& a) {
  arity(a, 4, 3, 9);
  for (int i = 0; i < 4; i++) input(a, i, sizeAt(a, 0));
  for (int i = 0; i < 3; i++) output(a, i, sizeAt(a, 0));
  return 0;
}

/** in: sum, x; out: sum + x·factor, which may be the sum itself; numbers: count, factor. */
std::int64_t addScaled(const Arguments& a) {
  arity(a, 2, 1, 2);
  input(a, 0, sizeAt(a, 0));
  input(a, 1, sizeAt(a, 0));
  output(a, 0, sizeAt(a, 0));
  return 0;
}

/** in: qkv, cos, sin; out: attended, log-sum-exp of each row; numbers: B, T, H, D, R, precision. */
std::int64_t attention(const Arguments& a) {
  arity(a, 3, 2, 6);
  const auto [B, T, H, D, R] = attentionSizes(a);
  input(a, 0, productOf(B * T, 3 * H * D));
  input(a, 1, T * D);
  input(a, 2, T * D);
  output(a, 0, productOf(B * T, H * D));
  output(a, 1, B * H * T);
  notInPlace(a);
  return productOf(a.numThreads, attentionScratch(T, D, isHalf(a, 5)));
}

/** in: dAttended, qkv, attended, log-sum-exp, cos, sin; out: dQkv; numbers as attention. */
std::int64_t attentionGradient(const Arguments& a) {
  arity(a, 6, 1, 6);
  const auto [B, T, H, D, R] = attentionSizes(a);
  input(a, 0, productOf(B * T, H * D));
  input(a, 1, productOf(B * T, 3 * H * D));
  input(a, 2, productOf(B * T, H * D));
  input(a, 3, B * H * T);
  input(a, 4, T * D);
  input(a, 5, T * D);
  output(a, 0, productOf(B * T, 3 * H * D));
  notInPlace(a);
  return productOf(a.numThreads, attentionGradientScratch(T, D, isHalf(a, 5)));
}

/** in: hidden, embedding, labels; out: mean loss, dHidden, dEmbedding for a loss's gradient of one; numbers: N, C, V, precision. */
std::int64_t crossEntropy(const Arguments& a) {
  arity(a, 3, 3, 4);
  const std::int64_t N = sizeAt(a, 0), C = sizeAt(a, 1), V = sizeAt(a, 2);
  if (N * V == 0) refuse("the loss of nothing");
  input(a, 0, productOf(N, C));
  input(a, 1, productOf(V, C));
  input(a, 2, N, Dtype::int32);
  output(a, 0, 1);
  output(a, 1, productOf(N, C));
  output(a, 2, productOf(V, C));
  notInPlace(a);
  return crossEntropyScratch(N, C, V, isHalf(a, 3), a.numThreads).end;
}

/** in: hidden, embedding, labels; out: log P(label); numbers: N, C, V. */
std::int64_t labelLogProbs(const Arguments& a) {
  arity(a, 3, 1, 3);
  const std::int64_t N = sizeAt(a, 0), C = sizeAt(a, 1), V = sizeAt(a, 2);
  if (V == 0) refuse("no vocabulary");
  input(a, 0, productOf(N, C));
  input(a, 1, productOf(V, C));
  input(a, 2, N, Dtype::int32);
  output(a, 0, N);
  notInPlace(a);
  return logitScratch(N, tilesOf(V, C), a.numThreads).end;
}

/** in: x, weight, bias; out: y, mean and 1/deviation of each row; numbers: N, C, ε. */
std::int64_t layerNorm(const Arguments& a) {
  arity(a, 3, 3, 3);
  const std::int64_t N = sizeAt(a, 0), C = sizeAt(a, 1);
  if (C == 0) refuse("rows of nothing");
  input(a, 0, productOf(N, C));
  input(a, 1, C);
  input(a, 2, C);
  output(a, 0, productOf(N, C));
  output(a, 1, N);
  output(a, 2, N);
  notInPlace(a);
  return 0;
}

/** in: dy, x, weight, mean, 1/deviation; out: dx, dWeight, dBias; numbers: N, C. */
std::int64_t layerNormGradient(const Arguments& a) {
  arity(a, 5, 3, 2);
  const std::int64_t N = sizeAt(a, 0), C = sizeAt(a, 1);
  if (C == 0) refuse("rows of nothing");
  input(a, 0, productOf(N, C));
  input(a, 1, productOf(N, C));
  input(a, 2, C);
  input(a, 3, N);
  input(a, 4, N);
  output(a, 0, productOf(N, C));
  output(a, 1, C);
  output(a, 2, C);
  notInPlace(a);
  return layerNormGradientScratch(N, C);
}

/** in: x [N, in], weight [out, in], bias; out: y; numbers: N, in, out, precision. */
std::int64_t linear(const Arguments& a) {
  arity(a, 3, 1, 4);
  const std::int64_t N = sizeAt(a, 0), I = sizeAt(a, 1), O = sizeAt(a, 2);
  input(a, 0, productOf(N, I));
  input(a, 1, productOf(O, I));
  input(a, 2, O);
  output(a, 0, productOf(N, O));
  notInPlace(a);
  return productOf(a.numThreads, linearScratch(rowBlocks(N, a.numThreads), I, isHalf(a, 3)));
}

/** in: dy, x, weight; out: dx, dWeight, dBias; numbers: N, in, out, precision. */
std::int64_t linearGradient(const Arguments& a) {
  arity(a, 3, 3, 4);
  const std::int64_t N = sizeAt(a, 0), I = sizeAt(a, 1), O = sizeAt(a, 2);
  input(a, 0, productOf(N, O));
  input(a, 1, productOf(N, I));
  input(a, 2, productOf(O, I));
  output(a, 0, productOf(N, I));
  output(a, 1, productOf(O, I));
  output(a, 2, O);
  notInPlace(a);
  return linearGradientScratch(N, I, O, isHalf(a, 3), a.numThreads).end;
}

/** in: x [N, C], W₁ [F, C], b₁, W₂ [C, F], b₂; out: y, the wide layer before GELU; numbers: N, C, F, form, precision. */
std::int64_t mlp(const Arguments& a) {
  arity(a, 5, 2, 5);
  const auto [N, C, F] = mlpSizes(a);
  input(a, 0, productOf(N, C));
  input(a, 1, productOf(F, C));
  input(a, 2, F);
  input(a, 3, productOf(C, F));
  input(a, 4, C);
  output(a, 0, productOf(N, C));
  output(a, 1, productOf(N, F));
  notInPlace(a);
  return productOf(a.numThreads, mlpScratch(rowBlocks(N, a.numThreads), C, F, isHalf(a, 4)));
}

/** in: dy, x, the wide layer, W₁, W₂; out: dx, dW₁, db₁, dW₂, db₂; numbers as mlp. */
std::int64_t mlpGradient(const Arguments& a) {
  arity(a, 5, 5, 5);
  const auto [N, C, F] = mlpSizes(a);
  input(a, 0, productOf(N, C));
  input(a, 1, productOf(N, C));
  input(a, 2, productOf(N, F));
  input(a, 3, productOf(F, C));
  input(a, 4, productOf(C, F));
  output(a, 0, productOf(N, C));
  output(a, 1, productOf(F, C));
  output(a, 2, F);
  output(a, 3, productOf(C, F));
  output(a, 4, C);
  notInPlace(a);
  return mlpGradientScratch(N, C, F, rowBlocks(N, a.numThreads), isHalf(a, 4), a.numThreads).end;
}

/** in: any number; out: the sum of all their squares; no numbers. */
std::int64_t squareSum(const Arguments& a) {
  arity(a, a.numIn, 1, 0);
  std::int64_t numChunks = 0;
  for (int i = 0; i < a.numIn; i++) {
    input(a, i, a.in[i].count);
    numChunks += chunksOf(a.in[i].count);
  }
  output(a, 0, 1);
  notInPlace(a);
  return numChunks * static_cast<std::int64_t>(sizeof(double));
}

} // namespace checks
