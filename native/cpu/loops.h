// What the loops share: the namespace of the instruction set that this file is being compiled for, and exponentials that the compiler turns into vectors.
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

/** eˣ to two units in the last place (minimax polynomial of Cephes' expf); 0 below −87.3, infinity above 88.7, NaN of NaN. */
static inline float exponential(float x) {
  float clamped = x < -87.33f ? -87.33f : x;
  clamped = clamped > 88.72f ? 88.72f : clamped;
  const float n = __builtin_rintf(clamped * 1.44269504088896341f);
  float r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // n is added to p's exponent: between the bounds neither leaves the normal numbers, because p is above 1 at the lower and below 1 at the upper.
  union { float value; int32_t bits; } power = {p};
  power.bits += (int32_t)((uint32_t)(x == x ? (int32_t)n : 0) << 23);
  const float low = x < -87.33f ? 0.0f : power.value;
  return x > 88.72f ? (float)INFINITY : low;
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

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

/** Series below one half, Abramowitz and Stegun 7.1.26 (1.5e-7) above. */
static inline float errorFunction(float x) {
  const float y = x < 0 ? -x : x;
  const float z = x * x;
  float series = -1.0f / 1320;
  series = series * z + 1.0f / 216;
  series = series * z - 1.0f / 42;
  series = series * z + 1.0f / 10;
  series = series * z - 1.0f / 3;
  series = (series * z + 1.0f) * x * 1.1283791670955126f;
  const float t = 1.0f / (1.0f + 0.3275911f * y);
  float p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const float tail = 1.0f - p * t * exponential(-z);
  const float signedTail = x < 0 ? -tail : tail;
  return y < 0.5f ? series : signedTail;
}

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
