// Values that one instruction takes, where a loop would leave the compiler no whole vector: GCC's vector types, as wide as the instruction set allows.
#pragma once
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

} // namespace
