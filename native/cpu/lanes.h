// Values that one instruction takes, where a loop would leave the compiler no whole vector: GCC's vector types, as wide as the instruction set allows.
#pragma once
#include <immintrin.h>
#include "loops.h"

#pragma GCC diagnostic ignored "-Wpsabi" // no such value crosses the border of a file

namespace {

#ifdef __AVX512F__
constexpr int WIDTH = 16;
#else
constexpr int WIDTH = 8;
#endif
static_assert(LANES % WIDTH == 0, "rows are whole vectors");

typedef float Lanes __attribute__((vector_size(4 * WIDTH)));
typedef int32_t LanePlaces __attribute__((vector_size(4 * WIDTH)));
typedef uint16_t HalfLanes __attribute__((vector_size(2 * WIDTH)));

#define LANES_INLINE __attribute__((always_inline)) inline

LANES_INLINE Lanes lanesAt(const float* x) {
  Lanes lanes;
  memcpy(&lanes, x, sizeof lanes);
  return lanes;
}

LANES_INLINE void storeLanes(Lanes x, float* to) { memcpy(to, &x, sizeof x); }

/** Rounded as toHalf does. */
LANES_INLINE void storeLanes(Lanes x, uint16_t* to) {
  typedef uint32_t Bits __attribute__((vector_size(4 * WIDTH)));
  Bits bits;
  memcpy(&bits, &x, sizeof bits);
  const Bits rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
  const HalfLanes halves = __builtin_convertvector(x == x ? rounded : (rounded & 0) + 0x7fc0, HalfLanes);
  memcpy(to, &halves, sizeof halves);
}

/** Values [begin, begin + count) of a row: a whole vector, or what is left at its end. */
struct Stretch {
  i64 begin, count;
};

/** Calls work(stretch) along a row; marked LANES_WORK, it does not ask each time whether a vector is whole. */
template <typename Work>
LANES_INLINE void byLanes(i64 count, const Work& work) {
  i64 begin = 0;
  for (; begin + WIDTH <= count; begin += WIDTH) work(Stretch{begin, WIDTH});
  if (begin < count) work(Stretch{begin, count - begin});
}
#define LANES_WORK __attribute__((always_inline))

/** Zero, or `rest`, stands where a stretch has no values. */
LANES_INLINE Lanes lanesAt(const float* x, Stretch stretch, float rest = 0) {
  if (stretch.count == WIDTH) return lanesAt(x + stretch.begin);
  float values[WIDTH];
  for (int j = 0; j < WIDTH; j++) values[j] = j < stretch.count ? x[stretch.begin + j] : rest;
  return lanesAt(values);
}

template <typename Value>
LANES_INLINE void storeLanes(Lanes x, Value* to, Stretch stretch) {
  if (stretch.count == WIDTH) return storeLanes(x, to + stretch.begin);
  Value values[WIDTH];
  storeLanes(x, values);
  memcpy(to + stretch.begin, values, stretch.count * sizeof(Value));
}

LANES_INLINE Lanes filled(float x) { return Lanes{} + x; }

// Of each lane the larger and the smaller, y where one of the two is NaN; the nearest whole number. Of AVX-512's forms those with a mask, because of the others
// GCC 12 says that they use what was never set.
constexpr int NEAREST = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
#ifdef __AVX512F__
constexpr __mmask16 ALL = 0xffff;
LANES_INLINE Lanes larger(Lanes x, Lanes y) { return _mm512_maskz_max_ps(ALL, x, y); }
LANES_INLINE Lanes smaller(Lanes x, Lanes y) { return _mm512_maskz_min_ps(ALL, x, y); }
LANES_INLINE Lanes nearest(Lanes x) { return _mm512_maskz_roundscale_ps(ALL, x, NEAREST); }
#else
LANES_INLINE Lanes larger(Lanes x, Lanes y) { return _mm256_max_ps(x, y); }
LANES_INLINE Lanes smaller(Lanes x, Lanes y) { return _mm256_min_ps(x, y); }
LANES_INLINE Lanes nearest(Lanes x) { return _mm256_round_ps(x, NEAREST); }
#endif

/** All lanes' sum, or the largest, by halves: one after the other they would wait for each other. */
LANES_INLINE float sumOf(__m256 x) {
  const __m128 four = _mm256_castps256_ps128(x) + _mm256_extractf128_ps(x, 1), two = four + _mm_movehl_ps(four, four);
  return two[0] + two[1];
}
LANES_INLINE float largestOf(__m256 x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1)), two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return two[0] > two[1] ? two[0] : two[1];
}
#ifdef __AVX512F__
LANES_INLINE __m256 lowerHalf(Lanes x) { return __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7); }
LANES_INLINE __m256 upperHalf(Lanes x) { return __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15); }
LANES_INLINE float sumOf(Lanes x) { return sumOf(lowerHalf(x) + upperHalf(x)); }
LANES_INLINE float largestOf(Lanes x) { return largestOf(_mm256_max_ps(lowerHalf(x), upperHalf(x))); }
#endif

/** Σ at(stretch) along a row, at being LANES_WORK. */
template <typename At>
LANES_INLINE float sumOver(i64 count, const At& at) {
  Lanes sum = {};
  byLanes(count, [&](Stretch stretch) LANES_WORK { sum += at(stretch); });
  return sumOf(sum);
}

/** eˣ to one unit in the last place; 0 below −87.3, infinity above 88.7, NaN of NaN. It is eʳ·2ⁿ with |r| ≤ ½ln 2, whose polynomial is 3e-9 off (minimax). */
LANES_INLINE Lanes exponential(Lanes x) {
  constexpr float LEAST = -87.33f, MOST = 89; // beyond, 2ⁿ is no normal number; e⁸⁹ is infinite already
  const Lanes bounded = smaller(filled(MOST), x);
  const Lanes n = nearest(bounded * 1.44269504088896341f);
  const Lanes r = bounded - n * 0.693359375f - n * -2.12194440e-4f;
  Lanes p = filled(0.00138145370821f);
  p = p * r + 0.00836874508092f;
  p = p * r + 0.0416683908344f;
  p = p * r + 0.166665203995f;
  p = p * r + 0.49999993432f;
  p = p * (r * r) + r + 1.0f;
#ifdef __AVX512F__
  return _mm512_maskz_scalef_ps(_mm512_cmp_ps_mask(x, filled(LEAST), _CMP_NLT_UQ), p, n);
#else
  // 2ⁿ in two factors, because 2¹²⁸ is none of the numbers and the product may be.
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = _mm256_set1_epi32(127);
  const Lanes first = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  const Lanes second = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23));
  return _mm256_andnot_ps(_mm256_cmp_ps(x, filled(LEAST), _CMP_LT_OQ), p * first * second);
#endif
}

LANES_INLINE Lanes sigmoid(Lanes x) { return 1.0f / (1.0f + exponential(-x)); }

/** Series below one half, Abramowitz and Stegun 7.1.26 (1.5e-7) above. */
LANES_INLINE Lanes errorFunction(Lanes x) {
  const Lanes y = x < 0 ? -x : x, z = x * x;
  Lanes series = filled(-1.0f / 1320);
  series = series * z + 1.0f / 216;
  series = series * z - 1.0f / 42;
  series = series * z + 1.0f / 10;
  series = series * z - 1.0f / 3;
  series = (series * z + 1.0f) * x * 1.1283791670955126f;
  const Lanes t = 1.0f / (1.0f + 0.3275911f * y);
  Lanes p = filled(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Lanes tail = 1.0f - p * t * exponential(-z);
  return y < 0.5f ? series : x < 0 ? -tail : tail;
}

} // namespace
