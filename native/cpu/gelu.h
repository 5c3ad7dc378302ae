// GELU in both forms and its slope, computed from x alone: ½x(1 + tanh u) = x·σ(2u), u = 0.79788456·x·(1 + 0.044715·x²); x·½(1 + erf(x/√2)).
#pragma once
#include "lanes.h"

namespace {

constexpr float DOUBLE_SCALE = 2 * 0.79788456f;
constexpr float CUBIC = 0.044715f;

/** GELU's values and slopes; whoever wants one of the two lets the compiler drop the other. */
struct Gelu {
  Lanes value, slope;
};

struct TanhForm {
  LANES_INLINE static Gelu at(Lanes x) {
    const Lanes gate = sigmoid(DOUBLE_SCALE * x * (1 + CUBIC * x * x));
    // Beyond ±1e6 the square overflows, and the gate is 0 or 1 long before.
    const Lanes y = larger(filled(-1e6f), smaller(filled(1e6f), x));
    return {x * gate, gate * (1 + (1 - gate) * DOUBLE_SCALE * y * (1 + 3 * CUBIC * y * y))};
  }
};

struct ErfForm {
  LANES_INLINE static Gelu at(Lanes x) {
    const Lanes gate = 0.5f * (1 + errorFunction(x * 0.70710678118f));
    return {x * gate, gate + x * 0.3989422804f * exponential(-0.5f * x * x)};
  }
};

} // namespace
