// What softmax takes of a row: its largest value, and exponentials beside a reference.
#pragma once
#include "lanes.h"

namespace {

/** NaN is none; −∞ of no values. */
inline float largest(const float* x, i64 count) {
  Lanes most = filled(-INFINITY);
  i64 j = 0;
  for (; j + WIDTH <= count; j += WIDTH) most = larger(lanesAt(x + j), most);
  if (j < count) most = larger(lanesAt(x + j, count - j, -INFINITY), most);
  return largestOf(most);
}

/** exp(x − reference) → out, which may be x, unless it is null. Their sum, of some thousands at most. */
template <typename Value>
float exponentials(const float* x, float reference, Value* out, i64 count) {
  Lanes sum = {};
  i64 j = 0;
  for (; j + WIDTH <= count; j += WIDTH) {
    const Lanes values = exponential(lanesAt(x + j) - reference);
    sum += values;
    if (out != nullptr) storeLanes(values, out + j);
  }
  if (j < count) {
    const Lanes values = exponential(lanesAt(x + j, count - j, -INFINITY) - reference);
    sum += values;
    if (out != nullptr) storeLanes(values, out + j, count - j);
  }
  return sumOf(sum);
}

} // namespace
