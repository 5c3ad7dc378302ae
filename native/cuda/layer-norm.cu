// Layer normalisation of rows, biased variance; for the gradient each row's mean and 1/deviation are kept, not its normalised values.
#include "launch.h"

namespace gpu {

void layerNorm(const Arguments& a) {
  const i64 C = size(a, 1);
  const float epsilon = a.numbers[2], *values = floats(a, 0), *weight = floats(a, 1), *bias = floats(a, 2);
  float *results = result(a, 0), *means = result(a, 1), *rstds = result(a, 2);
  rowByRow(size(a, 0), C, [=] __device__(i64 row) {
    const float* x = values + row * C;
    float sum = 0, squares = 0;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) sum += x[j];
    const float mean = acrossBlock(sum, Sum()) / C;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) squares += (x[j] - mean) * (x[j] - mean);
    const float rstd = 1.0f / sqrtf(acrossBlock(squares, Sum()) / C + epsilon);
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) results[row * C + j] = (x[j] - mean) * rstd * weight[j] + bias[j];
    if (threadIdx.x > 0) return;
    means[row] = mean;
    rstds[row] = rstd;
  });
}

void layerNormGradient(const Arguments& a) {
  const i64 N = size(a, 0), C = size(a, 1);
  const float *dys = floats(a, 0), *xs = floats(a, 1), *weight = floats(a, 2), *means = floats(a, 3), *rstds = floats(a, 4);
  float* dxs = result(a, 0);
  rowByRow(N, C, [=] __device__(i64 row) {
    const float *dy = dys + row * C, *x = xs + row * C, mean = means[row], rstd = rstds[row];
    float sum = 0, projection = 0;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) {
      const float dNormal = dy[j] * weight[j];
      sum += dNormal;
      projection += dNormal * (x[j] - mean) * rstd;
    }
    sum = acrossBlock(sum, Sum()) / C;
    projection = acrossBlock(projection, Sum()) / C;
    for (i64 j = threadIdx.x; j < C; j += blockDim.x) dxs[row * C + j] = (dy[j] * weight[j] - sum - (x[j] - mean) * rstd * projection) * rstd;
  });
  columnSums(N, C, result(a, 1), [=] __device__(i64 row, i64 j) { return dys[row * C + j] * ((xs[row * C + j] - means[row]) * rstds[row]); });
  columnSums(N, C, result(a, 2), [=] __device__(i64 row, i64 j) { return dys[row * C + j]; });
}

} // namespace gpu
