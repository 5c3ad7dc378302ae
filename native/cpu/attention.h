// Where queries, keys and values of one head lie in the fused qkv [B·T, H·3·D], and the rotary turn of the first R dimensions, by halves.
#pragma once
#include "lanes.h"
#include "loops.h"
#include "matrices.h"

namespace {

struct Head {
  i64 T, D, R;
  i64 qkvStride; // 3·H·D
  i64 stride;    // H·D
  i64 qkv;       // offset of its queries; keys and values follow after D each
  i64 attended;  // offset in [B·T, H·D]
  i64 rows;      // offset in [B·H, T]
};

/** The rotary turn of vectors whose turned dimensions are all in the first lanes, as in most models: compilers make single steps of so few. */
class Turn {
public:
  /** `sign`: of what the first half gets from the second. */
  Turn(i64 half, float sign) : half(half) {
    for (int j = 0; j < WIDTH; j++) {
      places[j] = j < half ? j + half : j < 2 * half ? j - half : j;
      signs[j] = j < half ? sign : -sign;
      isTurned[j] = j < 2 * half ? -1 : 0;
    }
  }

  bool fits(i64 D) const { return 2 * half <= WIDTH && D % WIDTH == 0; }

  /** x∘cos and each lane's partner times its sine, with its sign; x where nothing is turned. `back` is the gradient. */
  LANES_INLINE Lanes forth(Lanes x, Lanes cos, Lanes sin) const { return isTurned ? x * cos + __builtin_shuffle(x, places) * signs * sin : x; }
  LANES_INLINE Lanes back(Lanes x, Lanes cos, Lanes sin) const { return isTurned ? x * cos + __builtin_shuffle(x * sin, places) * signs : x; }

private:
  const i64 half;
  LanePlaces places, isTurned;
  Lanes signs;
};

/** numbers: B, T, H, D, R, precision; the i-th of B·H heads. */
inline Head headAt(const Arguments& a, i64 i) {
  const i64 T = size(a, 1), H = size(a, 2), D = size(a, 3);
  const i64 b = i / H, h = i % H;
  return {T, D, size(a, 4), 3 * H * D, H * D, b * T * 3 * H * D + h * 3 * D, b * T * H * D + h * D, i * T};
}

/** Turned vectors of all positions times `factor`: x [T, D] with a stride → [T, D], as a product takes its factors. */
template <typename Value>
void turn(const Head& head, const float* x, const float* cos, const float* sin, float factor, Value* out) {
  const i64 half = head.R / 2, D = head.D;
  const Turn turn(half, -1);
  for (i64 t = 0; t < head.T; t++) {
    const float *from = x + t * head.qkvStride, *c = cos + t * D, *s = sin + t * D;
    Value* to = out + t * D;
    if (turn.fits(D)) {
      storeLanes(turn.forth(lanesAt(from), lanesAt(c), lanesAt(s)) * factor, to);
      for (i64 j = WIDTH; j < D; j += WIDTH) storeLanes(lanesAt(from + j) * factor, to + j);
      continue;
    }
    for (i64 j = 0; j < half; j++) {
      store((from[j] * c[j] - from[half + j] * s[j]) * factor, to + j);
      store((from[half + j] * c[half + j] + from[j] * s[half + j]) * factor, to + half + j);
    }
    for (i64 j = head.R; j < D; j++) store(from[j] * factor, to + j);
  }
}

/** Vectors of all positions [T, D] with a stride as factors of a product: floats where they are, bf16 values in `room`. */
inline Matrix factors(const Head&, const float* x, i64 stride, float*) { return {x, false, stride}; }
inline HalfMatrix factors(const Head& head, const float* x, i64 stride, uint16_t* room) {
  for (i64 t = 0; t < head.T; t++) toHalves(x + t * stride, room + t * head.D, head.D);
  return {room, false, head.D};
}

/** Where a block's values go that are rounded for a product: floats stay in place. */
inline float* roomFor(float* block, float*) { return block; }
inline uint16_t* roomFor(float*, uint16_t* room) { return room; }

/** The gradient of that: dTurned [T, D] → dx with a stride. */
inline void turnBack(const Head& head, const float* dTurned, const float* cos, const float* sin, float factor, float* dx) {
  const i64 half = head.R / 2, D = head.D;
  const Turn turn(half, 1);
  for (i64 t = 0; t < head.T; t++) {
    const float *from = dTurned + t * D, *c = cos + t * D, *s = sin + t * D;
    float* to = dx + t * head.qkvStride;
    if (turn.fits(D)) {
      storeLanes(turn.back(lanesAt(from), lanesAt(c), lanesAt(s)) * factor, to);
      for (i64 j = WIDTH; j < D; j += WIDTH) storeLanes(lanesAt(from + j) * factor, to + j);
      continue;
    }
    for (i64 j = 0; j < half; j++) {
      to[j] = (from[j] * c[j] + from[half + j] * s[half + j]) * factor;
      to[half + j] = (from[half + j] * c[half + j] - from[j] * s[j]) * factor;
    }
    for (i64 j = head.R; j < D; j++) to[j] = from[j] * factor;
  }
}

} // namespace
