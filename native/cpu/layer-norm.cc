// Layer normalisation of rows, biased variance; for the gradient each row's mean and 1/deviation are kept, not its normalised values.
#include "loops.h"

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

void rowGradients(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1);
  const float* weight = floats(a, 2);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * C > ALONE)
  for (i64 row = 0; row < N; row++) {
    const float *dy = floats(a, 0) + row * C, *x = floats(a, 1) + row * C;
    const float mean = floats(a, 3)[row], rstd = floats(a, 4)[row];
    float* dx = result(a, 0) + row * C;
    float sum = 0, projection = 0;
#pragma omp simd reduction(+ : sum, projection)
    for (i64 j = 0; j < C; j++) {
      const float dNormal = dy[j] * weight[j];
      sum += dNormal;
      projection += dNormal * (x[j] - mean) * rstd;
    }
    sum /= C;
    projection /= C;
#pragma omp simd
    for (i64 j = 0; j < C; j++) dx[j] = (dy[j] * weight[j] - sum - (x[j] - mean) * rstd * projection) * rstd;
  }
}

void parameterGradients(const Arguments& a) {
  constexpr i64 WIDTH = 64, ROWS = 64;
  const i64 N = size(a, 0), C = size(a, 1);
#pragma omp parallel for schedule(static) num_threads(a.numThreads) if (N * C > ALONE)
  for (i64 begin = 0; begin < C; begin += WIDTH) {
    const i64 width = C - begin < WIDTH ? C - begin : WIDTH;
    float weights[WIDTH] = {0}, biases[WIDTH] = {0};
    for (i64 first = 0; first < N; first += ROWS) {
      const i64 last = first + ROWS < N ? first + ROWS : N;
      float weightPart[WIDTH] = {0}, biasPart[WIDTH] = {0};
      for (i64 row = first; row < last; row++) {
        const float *dy = floats(a, 0) + row * C + begin, *x = floats(a, 1) + row * C + begin;
        const float mean = floats(a, 3)[row], rstd = floats(a, 4)[row];
#pragma omp simd
        for (i64 j = 0; j < width; j++) {
          weightPart[j] += dy[j] * ((x[j] - mean) * rstd);
          biasPart[j] += dy[j];
        }
      }
      for (i64 j = 0; j < width; j++) weights[j] += weightPart[j];
      for (i64 j = 0; j < width; j++) biases[j] += biasPart[j];
    }
    memcpy(result(a, 1) + begin, weights, width * sizeof(float));
    memcpy(result(a, 2) + begin, biases, width * sizeof(float));
  }
}

} // namespace

void layerNormGradient(const Arguments& a) {
  rowGradients(a);
  parameterGradients(a);
}

} // namespace TIRESIAS_LEVEL
