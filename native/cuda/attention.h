// Queries, keys and values of all heads, taken out of the fused qkv [B·T, H·3·D] for products: [B·H, T, D] each, the first R dimensions turned by halves.
#pragma once
#include "matrices.h"

namespace gpu {

/** numbers: B, T, H, D, R, precision. */
struct Heads {
  i64 B, T, H, D, R;

  explicit Heads(const Arguments& a) : B(size(a, 0)), T(size(a, 1)), H(size(a, 2)), D(size(a, 3)), R(size(a, 4)) {}

  i64 numHeads() const { return B * H; }
  i64 numValues() const { return B * H * T * D; }
  float factor() const { return 1 / sqrtf(static_cast<float>(D)); }

  /** Queries that are taken at a time: their products with all keys are what is kept of the T × T matrix, at most 64 MB unless one block of 64 is more. */
  i64 queriesAtOnce() const { return std::min(T, std::max<i64>(64, (16 << 20) / (numHeads() * T) / 64 * 64)); }

  /** Of the i-th value of [B·H, T, D]: its position, dimension, and places in qkv (of a query) and in [B·T, H·D]. */
  struct Place {
    i64 t, j, qkv, attended;
  };
  __device__ Place placeOf(i64 i) const {
    const i64 j = i % D, t = i / D % T, h = i / (D * T) % H, b = i / (D * T * H);
    return {t, j, ((b * T + t) * H + h) * 3 * D + j, ((b * T + t) * H + h) * D + j};
  }
};

/** The value at dimension j of a turned vector x [D]; cos and sin [D] of its position. `sign` −1 turns back. */
__device__ inline float turned(const float* x, i64 j, i64 R, const float* cos, const float* sin, float sign) {
  const i64 half = R / 2;
  if (j >= R) return x[j];
  // Turning back, each value takes the sine that its partner was turned by.
  const i64 partner = j < half ? j + half : j - half;
  const float s = sign > 0 ? sin[j] : sin[partner];
  return j < half ? x[j] * cos[j] - sign * x[partner] * s : x[j] * cos[j] + sign * x[partner] * s;
}

/** qkv → q times 1/√D and k, turned, and v, as a product takes its factors. */
template <typename Value>
void takeOut(const Heads& heads, const float* qkv, const float* cos, const float* sin, Value* q, Value* k, Value* v) {
  const float factor = heads.factor();
  each(heads.numValues(), [=] __device__(i64 i) {
    const Heads::Place place = heads.placeOf(i);
    const float *x = qkv + place.qkv - place.j, *c = cos + place.t * heads.D, *s = sin + place.t * heads.D;
    store(turned(x, place.j, heads.R, c, s, 1) * factor, q + i);
    store(turned(x + heads.D, place.j, heads.R, c, s, 1), k + i);
    store(x[2 * heads.D + place.j], v + i);
  });
}

/** Where a block's values go that are rounded for a product: floats stay in place. */
inline float* placeOf(float* block, float*) { return block; }
inline bf16* placeOf(float*, bf16* room) { return room; }

} // namespace gpu
