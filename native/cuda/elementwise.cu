// Kernels whose every value is made on its own.
#include "launch.h"

namespace {

/** Where the values of an operand lie that is walked by strides. */
struct Walk {
  int rank;
  i64 shape[6], strides[2][6];

  Walk(int rank, const double* shape, const double* first, const double* second) : rank(rank) {
    for (int d = 0; d < rank; d++) {
      this->shape[d] = static_cast<i64>(shape[d]);
      strides[0][d] = static_cast<i64>(first[d]);
      strides[1][d] = static_cast<i64>(second[d]);
    }
  }

  i64 count() const {
    i64 count = 1;
    for (int d = 0; d < rank; d++) count *= shape[d];
    return count;
  }

  __device__ void offsets(i64 place, i64& first, i64& second) const {
    for (int d = rank - 1; d >= 0; d--) {
      const i64 index = place % shape[d];
      place /= shape[d];
      first += index * strides[0][d];
      second += index * strides[1][d];
    }
  }
};

struct Binary {
  BinaryOperation operation;
  __device__ float operator()(float x, float y) const {
    switch (operation) {
      case BinaryOperation::add: return x + y;
      case BinaryOperation::subtract: return x - y;
      case BinaryOperation::multiply: return x * y;
      case BinaryOperation::divide: return x / y;
      case BinaryOperation::maximum: return x > y || x != x ? x : y;
      default: return x < y || x != x ? x : y;
    }
  }
};

struct Unary {
  UnaryOperation operation;
  __device__ float operator()(float x) const {
    switch (operation) {
      case UnaryOperation::exp: return expf(x);
      case UnaryOperation::log: return logf(x);
      case UnaryOperation::sqrt: return sqrtf(x);
      case UnaryOperation::rsqrt: return 1.0f / sqrtf(x);
      case UnaryOperation::square: return x * x;
      case UnaryOperation::sigmoid: return 1.0f / (1.0f + expf(-x));
      default: return erff(x);
    }
  }
};

struct Summands {
  int count;
  const float* values[8];
};

} // namespace

namespace gpu {

void adamw(const Arguments& a) {
  const float *weight = floats(a, 0), *expAvg = floats(a, 1), *expAvgSq = floats(a, 2), *gradient = floats(a, 3);
  float *newWeight = result(a, 0), *newAvg = result(a, 1), *newAvgSq = result(a, 2);
  const float rate = a.numbers[1], beta1 = a.numbers[2], beta2 = a.numbers[3], epsilon = a.numbers[4], decay = a.numbers[5];
  const float rest1 = 1 - a.numbers[2], rest2 = 1 - a.numbers[3], scale = a.numbers[6], correction1 = a.numbers[7], correction2 = a.numbers[8];
  each(size(a, 0), [=] __device__(i64 i) {
    const float g = gradient[i] * scale;
    const float m = expAvg[i] * beta1 + g * rest1;
    const float v = expAvgSq[i] * beta2 + g * g * rest2;
    const float w = weight[i];
    newAvg[i] = m;
    newAvgSq[i] = v;
    newWeight[i] = w - ((m / correction1) / (sqrtf(v / correction2) + epsilon) + w * decay) * rate;
  });
}

void addN(const Arguments& a) {
  Summands x{a.numIn, {}};
  for (int n = 0; n < a.numIn; n++) x.values[n] = floats(a, n);
  float* y = result(a, 0);
  each(size(a, 0), [=] __device__(i64 i) {
    float sum = x.values[0][i];
    for (int n = 1; n < x.count; n++) sum += x.values[n][i];
    y[i] = sum;
  });
}

void addScaled(const Arguments& a) {
  const float *sum = floats(a, 0), *x = floats(a, 1), factor = a.numbers[1];
  float* y = result(a, 0);
  each(size(a, 0), [=] __device__(i64 i) { y[i] = sum[i] + x[i] * factor; });
}

void binary(const Arguments& a) {
  const int rank = static_cast<int>(size(a, 1));
  const double* shape = a.numbers + 2;
  const Walk walk(rank, shape, shape + rank, shape + 2 * rank);
  const Binary operation{static_cast<BinaryOperation>(size(a, 0))};
  const float *x = floats(a, 0), *y = floats(a, 1);
  float* out = result(a, 0);
  each(a.out[0].count, [=] __device__(i64 i) {
    i64 first = 0, second = 0;
    walk.offsets(i, first, second);
    out[i] = operation(x[first], y[second]);
  });
}

void copy(const Arguments& a) {
  const int rank = static_cast<int>(size(a, 0));
  const double *shape = a.numbers + 1, *from = shape + rank, *to = from + rank + 1;
  const Walk walk(rank, shape, from + 1, to + 1);
  const std::int32_t* source = ints(a, 0) + static_cast<i64>(*from);
  std::int32_t* target = static_cast<std::int32_t*>(a.out[0].data) + static_cast<i64>(*to);
  each(walk.count(), [=] __device__(i64 i) {
    i64 first = 0, second = 0;
    walk.offsets(i, first, second);
    target[second] = source[first];
  });
}

void fill(const Arguments& a) {
  const double value = a.numbers[1];
  const i64 count = size(a, 0);
  if (a.out[0].dtype == Dtype::boolean) {
    if (count > 0) must(cudaMemsetAsync(a.out[0].data, value != 0, count, stream()));
  } else if (a.out[0].dtype == Dtype::int32) {
    std::int32_t *y = static_cast<std::int32_t*>(a.out[0].data), whole = static_cast<std::int32_t>(value);
    each(count, [=] __device__(i64 i) { y[i] = whole; });
  } else {
    float *y = result(a, 0), single = static_cast<float>(value);
    each(count, [=] __device__(i64 i) { y[i] = single; });
  }
}

void scale(const Arguments& a) {
  const float *x = floats(a, 0), *factor = floats(a, 1);
  float* y = result(a, 0);
  each(size(a, 0), [=] __device__(i64 i) {
    if (*factor != 1.0f || x != y) y[i] = x[i] * *factor;
  });
}

void unary(const Arguments& a) {
  const Unary operation{static_cast<UnaryOperation>(size(a, 0))};
  const float* x = floats(a, 0);
  float* y = result(a, 0);
  each(size(a, 1), [=] __device__(i64 i) { y[i] = operation(x[i]); });
}

} // namespace gpu
