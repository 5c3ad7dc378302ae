// Sum, mean or largest over the middle of three dimensions.
#include "loops.h"

namespace {

float reduceRow(const float* x, i64 count, ReduceOperation operation) {
  if (operation == ReduceOperation::max) {
    float largest = x[0];
    for (i64 i = 1; i < count; i++) largest = x[i] > largest || x[i] != x[i] ? x[i] : largest;
    return largest;
  }
  float total = 0;
  for (i64 begin = 0; begin < count; begin += CHUNK) {
    const i64 end = begin + CHUNK < count ? begin + CHUNK : count;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 i = begin; i < end; i++) sum += x[i];
    total += sum;
  }
  return operation == ReduceOperation::mean ? total / count : total;
}

void reduceColumns(const float* x, float* y, i64 reduced, i64 inner, ReduceOperation operation) {
  memcpy(y, x, inner * sizeof(float));
  for (i64 r = 1; r < reduced; r++) {
    const float* row = x + r * inner;
    if (operation == ReduceOperation::max) {
      for (i64 j = 0; j < inner; j++) y[j] = row[j] > y[j] || row[j] != row[j] ? row[j] : y[j];
    } else {
#pragma omp simd
      for (i64 j = 0; j < inner; j++) y[j] += row[j];
    }
  }
  if (operation != ReduceOperation::mean) return;
  for (i64 j = 0; j < inner; j++) y[j] /= reduced;
}

} // namespace

namespace TIRESIAS_LEVEL {

void reduce(const Arguments& a) {
  const ReduceOperation operation = (ReduceOperation)(int)a.numbers[0];
  const i64 outer = size(a, 1), reduced = size(a, 2), inner = size(a, 3);
  if (inner == 0) return;
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (outer * reduced * inner > ALONE)
  for (i64 o = 0; o < outer; o++) {
    const float* x = floats(a, 0) + o * reduced * inner;
    if (inner == 1) result(a, 0)[o] = reduceRow(x, reduced, operation);
    else reduceColumns(x, result(a, 0) + o * inner, reduced, inner, operation);
  }
}

} // namespace TIRESIAS_LEVEL
