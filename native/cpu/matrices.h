// Matrix products, by oneDNN, which chooses the instruction set itself. Row-major; the only door to the library.
#pragma once
#include <cstdint>
#include "../kernels.h"

/** Of floats, or of bf16 values: their upper halves. */
template <typename Value>
struct MatrixOf {
  const Value* data;
  bool isTransposed;
  std::int64_t stride; // values from one stored row to the next
};
typedef MatrixOf<float> Matrix;
typedef MatrixOf<std::uint16_t> HalfMatrix;

/** c [m, n] = a [m, k] · b [k, n], or c + that with `adds`; sums are fp32. Inside a parallel region one thread computes it. */
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, float* c, std::int64_t cStride, bool adds = false);
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, HalfMatrix b, float* c, std::int64_t cStride, bool adds = false);

/**
 * Lays weights, fp32 [k, n] or transposed [n, k], out for products, rounded to bf16 if those are: once, and kept beside their buffer until a kernel writes it.
 * Not inside a parallel region. Throws std::bad_alloc.
 */
void layOut(std::int64_t n, std::int64_t k, const Operand& weights, bool isTransposed, bool isHalf);

/** Whether gradients of weights in bf16 are formed of whole matrices, one of them laid out: with AMX, where these are half again as fast. Tests set it. */
bool& wantsWholeMatrices();

/** Lays b [k, n] out for products in `laidOut`, which has laidOutBytes(k, n). Not inside a parallel region. Throws std::bad_alloc. */
void layOut(std::int64_t n, std::int64_t k, const std::uint16_t* b, char* laidOut);

/** c [m, n] = a [m, k] · b as it was laid out, or c + that with `adds`. Inside a parallel region one thread computes it. */
void multiplyByLaidOut(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, const char* laidOut, float* c, std::int64_t cStride, bool adds);

/** Lays the tiles (blocks.h) of weights, fp32 [rows, width], out as layOut() does the whole: as they are, or transposed. */
void layOutTiles(std::int64_t rows, std::int64_t width, const Operand& weights, bool isTransposed, bool isHalf);

/**
 * c [m, rows of the tile] = a · tileᵀ if `isTransposed`, else c [m, width] = a [m, rows of the tile] · tile, or c + that with `adds`. The tiles of weights
 * [rows, width] must have been laid out so. a and c lie row after row. Inside a parallel region one thread computes it.
 */
void multiplyByTile(std::int64_t m, std::int64_t rows, std::int64_t width, const float* a, const Operand& weights, std::int64_t tile, bool isTransposed,
                    float* c, bool adds);
void multiplyByTile(std::int64_t m, std::int64_t rows, std::int64_t width, const std::uint16_t* a, const Operand& weights, std::int64_t tile, bool isTransposed,
                    float* c, bool adds);

/**
 * c [m, n] = a [m, k] · weights, plus `bias` [n] unless null. They are laid out first; inside a parallel region, where one thread
 * computes the product, they must have been. Throws std::bad_alloc outside.
 */
void multiplyByWeights(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, const Operand& weights, bool isTransposed, const float* bias, float* c,
                       std::int64_t cStride);
void multiplyByWeights(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, const Operand& weights, bool isTransposed, const float* bias, float* c,
                       std::int64_t cStride);
