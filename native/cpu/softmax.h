// What softmax takes of a row: its largest value, and exponentials beside a reference.
#pragma once
#include "lanes.h"

namespace {

/** NaN is none; −∞ of no values. */
inline float largest(const float* x, i64 count) {
  Lanes most = filled(-INFINITY);
  byLanes(count, [&](Stretch stretch) LANES_WORK { most = larger(lanesAt(x, stretch, -INFINITY), most); });
  return largestOf(most);
}

/** exp(x − reference) → out, which may be x, unless it is null. Their sum, of some thousands at most. */
template <typename Value>
float exponentials(const float* x, float reference, Value* out, i64 count) {
  return sumOver(count, [&](Stretch stretch) LANES_WORK {
    const Lanes values = exponential(lanesAt(x, stretch, -INFINITY) - reference);
    if (out != nullptr) storeLanes(values, out, stretch);
    return values;
  });
}

} // namespace
