// What the loops share: the namespace of the instruction set that this file is being compiled for, and bf16 values.
// No C++ library here: a template that two files share would be linked once, with the wider instruction set, and crash the narrower machine.
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "../kernels.h"
#include "blocks.h"

#ifndef TIRESIAS_LEVEL
#error "compile with -DTIRESIAS_LEVEL=avx2 or avx512"
#endif

typedef int64_t i64;

/** Work below this many values is not worth waking threads for. */
constexpr i64 ALONE = 16384;

static inline const float* floats(const Arguments& a, int i) { return (const float*)a.in[i].data; }
static inline const int32_t* ints(const Arguments& a, int i) { return (const int32_t*)a.in[i].data; }
static inline float* result(const Arguments& a, int i) { return (float*)a.out[i].data; }
static inline i64 size(const Arguments& a, int i) { return (i64)a.numbers[i]; }

/** The nearest bf16 value, ties to even; NaN stays NaN. */
static inline uint16_t toHalf(float x) {
  union { float value; uint32_t bits; } number = {x};
  const uint32_t rounded = (number.bits + 0x7fff + ((number.bits >> 16) & 1)) >> 16;
  return x == x ? (uint16_t)rounded : (uint16_t)0x7fc0;
}

static inline void toHalves(const float* x, uint16_t* y, i64 count, int numThreads) {
#pragma omp parallel for simd schedule(static) num_threads(numThreads) if (parallel : count > ALONE)
  for (i64 i = 0; i < count; i++) y[i] = toHalf(x[i]);
}

/** The same for values of one block. */
static inline void toHalves(const float* x, uint16_t* y, i64 count) {
#pragma omp simd
  for (i64 i = 0; i < count; i++) y[i] = toHalf(x[i]);
}

static inline void store(float value, float* to) { *to = value; }
static inline void store(float value, uint16_t* to) { *to = toHalf(value); }

/** Values as a product takes its factors: floats are as they are, bf16 are laid down in `room`. */
static inline const float* rounded(const float* x, float*, i64, int) { return x; }
static inline const uint16_t* rounded(const float* x, uint16_t* room, i64 count, int numThreads) {
  toHalves(x, room, count, numThreads);
  return room;
}

static inline const float* rounded(const float* x, float*, i64) { return x; }
static inline const uint16_t* rounded(const float* x, uint16_t* room, i64 count) {
  toHalves(x, room, count);
  return room;
}

static inline bool isHalf(const Arguments& a, int place) { return (Precision)(int)a.numbers[place] == Precision::bf16; }

/** Says which index is out of bounds; the first found stays. True when all are good. */
static inline bool checkIndices(const Arguments& a, const int32_t* indices, i64 count, i64 limit, const char* what) {
  for (i64 i = 0; i < count; i++) {
    if (indices[i] >= 0 && indices[i] < limit) continue;
    a.failure->isSet = true;
    snprintf(a.failure->message, sizeof a.failure->message, "%s %lld is %d, expected 0 to %lld", what, (long long)i, indices[i], (long long)limit - 1);
    return false;
  }
  return true;
}
