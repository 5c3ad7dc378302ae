// Layer normalisation of rows, biased variance; for the gradient each row's mean and 1/deviation are kept, not its normalised values.
#include "lanes.h"
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
    const float mean = sumOver(C, [&](Stretch at) LANES_WORK { return lanesAt(x, at); }) / C;
    const float variance = sumOver(C, [&](Stretch at) LANES_WORK {
      const Lanes apart = lanesAt(x, at, mean) - mean;
      return apart * apart;
    }) / C;
    const float rstd = 1.0f / sqrtf(variance + epsilon);
    byLanes(C, [&](Stretch at) LANES_WORK { storeLanes((lanesAt(x, at) - mean) * rstd * lanesAt(weight, at) + lanesAt(bias, at), y, at); });
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
    Lanes sums = {}, projections = {};
    byLanes(C, [&](Stretch at) LANES_WORK {
      const Lanes gradient = lanesAt(dy, at), dNormal = gradient * lanesAt(weight, at), normal = (lanesAt(x, at) - mean) * rstd;
      sums += dNormal;
      projections += dNormal * normal;
      storeLanes(lanesAt(dWeight, at) + gradient * normal, dWeight, at);
      storeLanes(lanesAt(dBias, at) + gradient, dBias, at);
    });
    const float sum = sumOf(sums) / C, projection = sumOf(projections) / C;
    byLanes(C, [&](Stretch at) LANES_WORK {
      const Lanes normal = (lanesAt(x, at) - mean) * rstd;
      storeLanes((lanesAt(dy, at) * lanesAt(weight, at) - sum - normal * projection) * rstd, dx, at);
    });
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
