// Arithmetic of two tensors with broadcasting, by strides: a stride of 0 repeats a value along that dimension.
#include "loops.h"

namespace {

template <typename Operation>
inline void row(const float* x, i64 xStep, const float* y, i64 yStep, float* out, i64 count, Operation operation) {
  if (xStep == 1 && yStep == 1) {
#pragma omp simd
    for (i64 i = 0; i < count; i++) out[i] = operation(x[i], y[i]);
  } else if (xStep == 1 && yStep == 0) {
    const float value = *y;
#pragma omp simd
    for (i64 i = 0; i < count; i++) out[i] = operation(x[i], value);
  } else if (xStep == 0 && yStep == 1) {
    const float value = *x;
#pragma omp simd
    for (i64 i = 0; i < count; i++) out[i] = operation(value, y[i]);
  } else {
    for (i64 i = 0; i < count; i++) out[i] = operation(x[i * xStep], y[i * yStep]);
  }
}

/** Rows are cut so that one long row is shared by all threads too. */
constexpr i64 SPAN = 8192;

template <typename Operation>
inline void each(const Arguments& a, Operation operation) {
  const int rank = (int)size(a, 1);
  const double *shape = a.numbers + 2, *xStrides = shape + rank, *yStrides = xStrides + rank;
  const i64 columns = rank == 0 ? 1 : (i64)shape[rank - 1];
  const i64 count = a.out[0].count;
  if (count == 0) return;
  const i64 rows = count / columns, spans = (columns + SPAN - 1) / SPAN;
  const i64 xStep = rank == 0 ? 0 : (i64)xStrides[rank - 1], yStep = rank == 0 ? 0 : (i64)yStrides[rank - 1];
  const float *x = floats(a, 0), *y = floats(a, 1);
  float* out = result(a, 0);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (count > ALONE)
  for (i64 piece = 0; piece < rows * spans; piece++) {
    const i64 r = piece / spans, begin = (piece % spans) * SPAN;
    const i64 length = columns - begin < SPAN ? columns - begin : SPAN;
    i64 rest = r, xOffset = begin * xStep, yOffset = begin * yStep;
    for (int d = rank - 2; d >= 0; d--) {
      const i64 place = rest % (i64)shape[d];
      rest /= (i64)shape[d];
      xOffset += place * (i64)xStrides[d];
      yOffset += place * (i64)yStrides[d];
    }
    row(x + xOffset, xStep, y + yOffset, yStep, out + r * columns + begin, length, operation);
  }
}

} // namespace

namespace TIRESIAS_LEVEL {

void binary(const Arguments& a) {
  switch ((BinaryOperation)(int)a.numbers[0]) {
    case BinaryOperation::add: return each(a, [](float x, float y) { return x + y; });
    case BinaryOperation::subtract: return each(a, [](float x, float y) { return x - y; });
    case BinaryOperation::multiply: return each(a, [](float x, float y) { return x * y; });
    case BinaryOperation::divide: return each(a, [](float x, float y) { return x / y; });
    case BinaryOperation::maximum: return each(a, [](float x, float y) { return x > y || x != x ? x : y; });
    case BinaryOperation::minimum: return each(a, [](float x, float y) { return x < y || x != x ? x : y; });
  }
}

} // namespace TIRESIAS_LEVEL
