// Matrix products, by oneDNN, which chooses the instruction set itself. Row-major; the only door to the library.
#pragma once
#include <cstdint>

struct Matrix {
  const float* data;
  bool isTransposed;
  std::int64_t stride; // values from one stored row to the next
};

/** c [m, n] = a [m, k] · b [k, n], or c + that with `adds`. Inside a parallel region one thread computes it. */
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, float* c, std::int64_t cStride, bool adds = false);
