// What every kernel demands of its arguments, checked when it is asked for, before anything is queued: number and type of operands, and that each holds as
// many values as the sizes say. A kernel itself trusts these and checks only indices, whose values are not known before.
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include "cpu/blocks.h"
#include "kernels.h"

namespace {

constexpr double LARGEST_SIZE = 1LL << 40;

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

/** A whole number from 0 to 2^40; products of two cannot overflow before they are compared with a buffer's size. */
std::int64_t sizeAt(const Arguments& a, int place) {
  if (place >= a.numNumbers) refuse("number " + std::to_string(place) + " is missing");
  const double value = a.numbers[place];
  if (!(value >= 0 && value <= LARGEST_SIZE) || value != std::floor(value)) {
    refuse("number " + std::to_string(place) + " is " + std::to_string(value) + ", expected a size");
  }
  return static_cast<std::int64_t>(value);
}

std::int64_t productOf(std::int64_t x, std::int64_t y) {
  if (x != 0 && y > std::numeric_limits<std::int64_t>::max() / x) refuse("a size is too large");
  return x * y;
}

void hold(const Operand& operand, const std::string& which, std::int64_t count, Dtype dtype = Dtype::float32) {
  if (operand.dtype != dtype) refuse(which + " is of another type");
  if (operand.count != count) {
    refuse(which + " holds " + std::to_string(operand.count) + " values, expected " + std::to_string(count));
  }
}

void input(const Arguments& a, int i, std::int64_t count, Dtype dtype = Dtype::float32) {
  hold(a.in[i], "input " + std::to_string(i), count, dtype);
}

void output(const Arguments& a, int i, std::int64_t count, Dtype dtype = Dtype::float32) {
  hold(a.out[i], "output " + std::to_string(i), count, dtype);
}

void arity(const Arguments& a, int numIn, int numOut, int numNumbers) {
  if (a.numIn != numIn || a.numOut != numOut || a.numNumbers != numNumbers) {
    refuse("given " + std::to_string(a.numIn) + " inputs, " + std::to_string(a.numOut) + " outputs, " + std::to_string(a.numNumbers) +
           " numbers; expected " + std::to_string(numIn) + ", " + std::to_string(numOut) + ", " + std::to_string(numNumbers));
  }
}

void operationBelow(const Arguments& a, int limit) {
  if (sizeAt(a, 0) >= limit) refuse("there is no operation of that number");
}

bool isHalf(const Arguments& a, int place) {
  const std::int64_t precision = sizeAt(a, place);
  if (precision > 1) refuse("there is no precision of that number");
  return precision == 1;
}

/** No output may lie in the memory of an input. */
void notInPlace(const Arguments& a) {
  for (int o = 0; o < a.numOut; o++) {
    for (int i = 0; i < a.numIn; i++) {
      if (a.out[o].data == a.in[i].data) refuse("output " + std::to_string(o) + " is input " + std::to_string(i));
    }
    for (int p = 0; p < o; p++) {
      if (a.out[o].data == a.out[p].data) refuse("two outputs are one buffer");
    }
  }
}

std::int64_t sizeOfShape(const Arguments& a, int first, int rank) {
  std::int64_t count = 1;
  for (int i = 0; i < rank; i++) count = productOf(count, sizeAt(a, first + i));
  return count;
}

/** The largest offset that the strides reach from `offset`, plus one. */
std::int64_t reach(const Arguments& a, int shape, int strides, int rank, std::int64_t offset) {
  std::int64_t end = offset + 1;
  for (int i = 0; i < rank; i++) {
    const std::int64_t size = sizeAt(a, shape + i);
    if (size == 0) return 0;
    end += productOf(size - 1, sizeAt(a, strides + i));
    if (end > LARGEST_SIZE) refuse("strides reach too far");
  }
  return end;
}

int rankAt(const Arguments& a, int place) {
  const std::int64_t rank = sizeAt(a, place);
  if (rank > MAX_RANK) refuse("rank " + std::to_string(rank) + " is above " + std::to_string(MAX_RANK));
  return static_cast<int>(rank);
}

std::int64_t bytesOf(std::int64_t numFloats) { return productOf(numFloats, sizeof(float)); }

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

/** in: one to eight; out: their sum; numbers: count. */
std::int64_t addN(const Arguments& a) {
  if (a.numIn < 1 || a.numIn > MAX_SUMMANDS) refuse("a sum of one to eight tensors");
  arity(a, a.numIn, 1, 1);
  for (int i = 0; i < a.numIn; i++) input(a, i, sizeAt(a, 0));
  output(a, 0, sizeAt(a, 0));
  notInPlace(a);
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

/** numbers: rows, columns; the first of the largest wins. */
std::int64_t argMax(const Arguments& a) {
  arity(a, 1, 1, 2);
  if (sizeAt(a, 1) == 0) refuse("the largest of nothing");
  input(a, 0, productOf(sizeAt(a, 0), sizeAt(a, 1)));
  output(a, 0, sizeAt(a, 0), Dtype::int32);
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

/** numbers: operation, rank, shape, strides of each input; a stride of 0 repeats. */
std::int64_t binary(const Arguments& a) {
  operationBelow(a, 6);
  const int rank = rankAt(a, 1);
  arity(a, 2, 1, 2 + 3 * rank);
  output(a, 0, sizeOfShape(a, 2, rank));
  for (int i = 0; i < 2; i++) {
    if (a.in[i].dtype != Dtype::float32) refuse("an operand is not float32");
    if (reach(a, 2, 2 + rank * (1 + i), rank, 0) > a.in[i].count) refuse("strides leave input " + std::to_string(i));
  }
  notInPlace(a);
  return 0;
}

/** Copies 4-byte values by strides; numbers: rank, shape, offset and strides in the input, offset and strides in the output. */
std::int64_t copy(const Arguments& a) {
  const int rank = rankAt(a, 0);
  arity(a, 1, 1, 3 + 3 * rank);
  if (a.in[0].dtype != a.out[0].dtype || a.in[0].dtype == Dtype::boolean) refuse("a copy needs two float32 or two int32 tensors");
  if (reach(a, 1, 2 + rank, rank, sizeAt(a, 1 + rank)) > a.in[0].count) refuse("strides leave the input");
  if (reach(a, 1, 3 + 2 * rank, rank, sizeAt(a, 2 + 2 * rank)) > a.out[0].count) refuse("strides leave the output");
  notInPlace(a);
  return 0;
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
  return crossEntropyScratch(N, C, V, isHalf(a, 3)).end;
}

/** numbers: count, value. */
std::int64_t fill(const Arguments& a) {
  arity(a, 0, 1, 2);
  hold(a.out[0], "output 0", sizeAt(a, 0), a.out[0].dtype);
  return 0;
}

/** in: table, ids; out: rows; numbers: V, C, N. */
std::int64_t gather(const Arguments& a) {
  arity(a, 2, 1, 3);
  input(a, 0, productOf(sizeAt(a, 0), sizeAt(a, 1)));
  input(a, 1, sizeAt(a, 2), Dtype::int32);
  output(a, 0, productOf(sizeAt(a, 2), sizeAt(a, 1)));
  notInPlace(a);
  return 0;
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
  return bytesOf(productOf(logitRows(N, V), V));
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
  return 0;
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
  return isHalf(a, 3) ? 2 * N * I : 0;
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
  return isHalf(a, 3) ? 2 * N * (O + I) : 0;
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
  return isHalf(a, 4) ? 2 * N * (C + F) : bytesOf(N * F);
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
  return bytesOf(N * F) + (isHalf(a, 4) ? 2 * N * (F + 2 * C) : bytesOf(N * F));
}

/** A batch of matrix products; numbers: batch, rows, columns, inner, whether each operand is transposed (2), whether each has a batch of its own (2). */
std::int64_t product(const Arguments& a) {
  arity(a, 2, 1, 8);
  for (int i = 4; i < 8; i++) {
    if (sizeAt(a, i) > 1) refuse("number " + std::to_string(i) + " must be 0 or 1");
  }
  const std::int64_t batch = sizeAt(a, 0), m = sizeAt(a, 1), n = sizeAt(a, 2), k = sizeAt(a, 3);
  input(a, 0, productOf(sizeAt(a, 6) == 1 ? batch : 1, productOf(m, k)));
  input(a, 1, productOf(sizeAt(a, 7) == 1 ? batch : 1, productOf(k, n)));
  output(a, 0, productOf(batch, productOf(m, n)));
  notInPlace(a);
  return 0;
}

/** Over the middle of three dimensions; numbers: operation, outer, reduced, inner. */
std::int64_t reduce(const Arguments& a) {
  operationBelow(a, 3);
  arity(a, 1, 1, 4);
  if (sizeAt(a, 2) == 0) refuse("a reduction of nothing");
  input(a, 0, productOf(productOf(sizeAt(a, 1), sizeAt(a, 2)), sizeAt(a, 3)));
  output(a, 0, productOf(sizeAt(a, 1), sizeAt(a, 3)));
  notInPlace(a);
  return 0;
}

/** in: x, one factor; out: their product, which may be x itself; numbers: count. */
std::int64_t scale(const Arguments& a) {
  arity(a, 2, 1, 1);
  input(a, 0, sizeAt(a, 0));
  input(a, 1, 1);
  output(a, 0, sizeAt(a, 0));
  return 0;
}

/** in: ids, rows; out: sums of the rows that share an id; numbers: V, C, N. */
std::int64_t scatterRows(const Arguments& a) {
  arity(a, 2, 1, 3);
  input(a, 0, sizeAt(a, 2), Dtype::int32);
  input(a, 1, productOf(sizeAt(a, 2), sizeAt(a, 1)));
  output(a, 0, productOf(sizeAt(a, 0), sizeAt(a, 1)));
  notInPlace(a);
  return 0;
}

/** numbers: rows, columns. */
std::int64_t softmax(const Arguments& a) {
  arity(a, 1, 1, 2);
  input(a, 0, productOf(sizeAt(a, 0), sizeAt(a, 1)));
  output(a, 0, productOf(sizeAt(a, 0), sizeAt(a, 1)));
  return 0;
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

/** numbers: operation, count. */
std::int64_t unary(const Arguments& a) {
  operationBelow(a, 7);
  arity(a, 1, 1, 2);
  input(a, 0, sizeAt(a, 1));
  output(a, 0, sizeAt(a, 1));
  return 0;
}

} // namespace checks
