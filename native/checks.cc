// What every kernel demands of its arguments, checked when it is asked for, before anything is queued: number and type of operands, and that each holds as
// many values as the sizes say. A kernel itself trusts these and checks only indices, whose values are not known before.
// Here: operations of TensorFlow.js; checks-fused.cc has those of the fused kernels.
#include "checks.h"

namespace checks {

/** in: one to eight; out: their sum; numbers: count. */
std::int64_t addN(const Arguments& a) {
  if (a.numIn < 1 || a.numIn > MAX_SUMMANDS) refuse("a sum of one to eight tensors");
  arity(a, a.numIn, 1, 1);
  for (int i = 0; i < a.numIn; i++) input(a, i, sizeAt(a, 0));
  output(a, 0, sizeAt(a, 0));
  notInPlace(a);
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

/** numbers: operation, count. */
std::int64_t unary(const Arguments& a) {
  operationBelow(a, 7);
  arity(a, 1, 1, 2);
  input(a, 0, sizeAt(a, 1));
  output(a, 0, sizeAt(a, 1));
  return 0;
}

} // namespace checks
