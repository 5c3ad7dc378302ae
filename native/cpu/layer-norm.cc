// Layer normalisation of rows, biased variance; for the gradient each row's mean and 1/deviation are kept, not its normalised values.
#include "row-blocks.h"

namespace TIRESIAS_LEVEL {

void layerNorm(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1);
  const float epsilon = a.numbers[2];
  const float *weight = floats(a, 1), *bias = floats(a, 2);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * C > ALONE)
  for (i64 row = 0; row < N; row++) {
    const float* x = floats(a, 0) + row * C;
    float* y = result(a, 0) + row * C;
    float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
    for (i64 j = 0; j < C; j++) sum += x[j];
    const float mean = sum / C;
#pragma omp simd reduction(+ : squares)
    for (i64 j = 0; j < C; j++) squares += (x[j] - mean) * (x[j] - mean);
    const float rstd = 1.0f / sqrtf(squares / C + epsilon);
#pragma omp simd
    for (i64 j = 0; j < C; j++) y[j] = (x[j] - mean) * rstd * weight[j] + bias[j];
    result(a, 1)[row] = mean;
    result(a, 2)[row] = rstd;
  }
}

namespace {

/** dx of rows [first, end), and their share of the gradients of weight and bias. */
void unitGradients(const Arguments& a, i64 first, i64 end, float* dWeight, float* dBias) {
  const i64 C = size(a, 1);
  const float* weight = floats(a, 2);
  memset(dWeight, 0, C * sizeof(float));
  memset(dBias, 0, C * sizeof(float));
  for (i64 row = first; row < end; row++) {
    const float *dy = floats(a, 0) + row * C, *x = floats(a, 1) + row * C;
    const float mean = floats(a, 3)[row], rstd = floats(a, 4)[row];
    float* dx = result(a, 0) + row * C;
    float sum = 0, projection = 0;
#pragma omp simd reduction(+ : sum, projection)
    for (i64 j = 0; j < C; j++) {
      const float dNormal = dy[j] * weight[j], normal = (x[j] - mean) * rstd;
      sum += dNormal;
      projection += dNormal * normal;
      dWeight[j] += dy[j] * normal;
      dBias[j] += dy[j];
    }
    sum /= C;
    projection /= C;
#pragma omp simd
    for (i64 j = 0; j < C; j++) dx[j] = (dy[j] * weight[j] - sum - (x[j] - mean) * rstd * projection) * rstd;
  }
}

} // namespace

void layerNormGradient(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1), numUnits = unitsOf(N);
  float *dWeights = (float*)a.scratch, *dBiases = dWeights + numUnits * C;
#pragma omp parallel for schedule(dynamic, 8) num_threads(a.numThreads) if (N * C > ALONE)
  for (i64 unit = 0; unit < numUnits; unit++) {
    const i64 first = unit * LEAST_ROWS, end = first + LEAST_ROWS < N ? first + LEAST_ROWS : N;
    unitGradients(a, first, end, dWeights + unit * C, dBiases + unit * C);
  }
  addUnits(dWeights, numUnits, C, result(a, 1));
  addUnits(dBiases, numUnits, C, result(a, 2));
}

} // namespace TIRESIAS_LEVEL
