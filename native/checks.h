// What the checks of kernels share: sizes out of numbers, and what operands must hold. Each throws std::invalid_argument, which says what does not fit.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include "cpu/blocks.h"
#include "kernels.h"

namespace {

constexpr double LARGEST_SIZE = 1LL << 40;

[[noreturn]] inline void refuse(const std::string& what) { throw std::invalid_argument(what); }

/** A whole number from 0 to 2^40; products of two cannot overflow before they are compared with a buffer's size. */
inline std::int64_t sizeAt(const Arguments& a, int place) {
  if (place >= a.numNumbers) refuse("number " + std::to_string(place) + " is missing");
  const double value = a.numbers[place];
  if (!(value >= 0 && value <= LARGEST_SIZE) || value != std::floor(value)) {
    refuse("number " + std::to_string(place) + " is " + std::to_string(value) + ", expected a size");
  }
  return static_cast<std::int64_t>(value);
}

inline std::int64_t productOf(std::int64_t x, std::int64_t y) {
  if (x != 0 && y > std::numeric_limits<std::int64_t>::max() / x) refuse("a size is too large");
  return x * y;
}

inline void hold(const Operand& operand, const std::string& which, std::int64_t count, Dtype dtype = Dtype::float32) {
  if (operand.dtype != dtype) refuse(which + " is of another type");
  if (operand.count != count) {
    refuse(which + " holds " + std::to_string(operand.count) + " values, expected " + std::to_string(count));
  }
}

inline void input(const Arguments& a, int i, std::int64_t count, Dtype dtype = Dtype::float32) {
  hold(a.in[i], "input " + std::to_string(i), count, dtype);
}

inline void output(const Arguments& a, int i, std::int64_t count, Dtype dtype = Dtype::float32) {
  hold(a.out[i], "output " + std::to_string(i), count, dtype);
}

inline void arity(const Arguments& a, int numIn, int numOut, int numNumbers) {
  if (a.numIn != numIn || a.numOut != numOut || a.numNumbers != numNumbers) {
    refuse("given " + std::to_string(a.numIn) + " inputs, " + std::to_string(a.numOut) + " outputs, " + std::to_string(a.numNumbers) +
           " numbers; expected " + std::to_string(numIn) + ", " + std::to_string(numOut) + ", " + std::to_string(numNumbers));
  }
}

inline void operationBelow(const Arguments& a, int limit) {
  if (sizeAt(a, 0) >= limit) refuse("there is no operation of that number");
}

inline bool isHalf(const Arguments& a, int place) {
  const std::int64_t precision = sizeAt(a, place);
  if (precision > 1) refuse("there is no precision of that number");
  return precision == 1;
}

/** No output may lie in the memory of an input. */
inline void notInPlace(const Arguments& a) {
  for (int o = 0; o < a.numOut; o++) {
    for (int i = 0; i < a.numIn; i++) {
      if (a.out[o].data == a.in[i].data) refuse("output " + std::to_string(o) + " is input " + std::to_string(i));
    }
    for (int p = 0; p < o; p++) {
      if (a.out[o].data == a.out[p].data) refuse("two outputs are one buffer");
    }
  }
}

inline std::int64_t sizeOfShape(const Arguments& a, int first, int rank) {
  std::int64_t count = 1;
  for (int i = 0; i < rank; i++) count = productOf(count, sizeAt(a, first + i));
  return count;
}

/** The largest offset that the strides reach from `offset`, plus one. */
inline std::int64_t reach(const Arguments& a, int shape, int strides, int rank, std::int64_t offset) {
  std::int64_t end = offset + 1;
  for (int i = 0; i < rank; i++) {
    const std::int64_t size = sizeAt(a, shape + i);
    if (size == 0) return 0;
    end += productOf(size - 1, sizeAt(a, strides + i));
    if (end > LARGEST_SIZE) refuse("strides reach too far");
  }
  return end;
}

inline int rankAt(const Arguments& a, int place) {
  const std::int64_t rank = sizeAt(a, place);
  if (rank > MAX_RANK) refuse("rank " + std::to_string(rank) + " is above " + std::to_string(MAX_RANK));
  return static_cast<int>(rank);
}

inline std::int64_t bytesOf(std::int64_t numFloats) { return productOf(numFloats, sizeof(float)); }

} // namespace
