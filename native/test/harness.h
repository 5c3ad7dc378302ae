// How the tests of the kernels make buffers, run a kernel as the back end does, and compare with what float64 loops computed.
#pragma once
#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include "../executor.h"

namespace {

using Buffers = std::vector<std::shared_ptr<Buffer>>;
using Doubles = std::vector<double>;

const KernelTable* table;
auto memory = device::makeMemory();
int numChecks = 0;

void expect(bool isTrue, const std::string& what) {
  numChecks++;
  if (isTrue) return;
  std::fprintf(stderr, "failed (%s): %s\n", table->level, what.c_str());
  std::exit(1);
}

const Kernel* kernel(const std::string& name) {
  for (int i = 0; i < table->numKernels; i++) {
    if (name == table->kernels[i].name) return &table->kernels[i];
  }
  std::fprintf(stderr, "no kernel %s\n", name.c_str());
  std::exit(1);
}

template <typename Value, typename Given>
std::shared_ptr<Buffer> uploaded(const std::vector<Given>& given, Dtype dtype) {
  const std::vector<Value> values(given.begin(), given.end());
  auto buffer = std::make_shared<Buffer>(memory, dtype, values.size());
  device::upload(buffer->allocated(), values.data(), buffer->numBytes());
  return buffer;
}

std::shared_ptr<Buffer> floats(const Doubles& values) { return uploaded<float>(values, Dtype::float32); }

std::shared_ptr<Buffer> ints(const std::vector<int>& values) { return uploaded<std::int32_t>(values, Dtype::int32); }

template <typename Value = float>
std::vector<Value> downloaded(const Buffer& buffer) {
  std::vector<Value> values(buffer.count);
  device::download(values.data(), buffer.data, buffer.numBytes());
  return values;
}

std::shared_ptr<Buffer> room(std::int64_t count, Dtype dtype = Dtype::float32) { return std::make_shared<Buffer>(memory, dtype, count); }

/** What fp32 keeps of random values around zero. */
Doubles randoms(std::int64_t count, unsigned seed) {
  std::mt19937 generator(seed);
  Doubles values(count);
  for (double& value : values) value = static_cast<float>(generator() / 4294967296.0 * 2 - 1);
  return values;
}

void runOn(const std::string& name, Buffers in, Buffers out, Doubles numbers, int numThreads) {
  Call call{kernel(name), std::move(in), std::move(out), std::move(numbers)};
  checkCall(call, numThreads);
  runCall(call, *memory, numThreads);
}

void expectClose(const Buffer& found, const Doubles& expected, const std::string& what, double tolerance = 1e-5) {
  expect(found.failure == nullptr, what + ": " + (found.failure ? found.failure->message : ""));
  expect(found.count == static_cast<std::int64_t>(expected.size()), what + ": another number of values");
  double largest = 1e-30, worst = 0;
  const auto values = downloaded(found);
  for (double value : expected) largest = std::max(largest, std::fabs(value));
  for (std::int64_t i = 0; i < found.count; i++) worst = std::max(worst, std::fabs(values[i] - expected[i]));
  expect(worst <= tolerance * largest, what + ": off by " + std::to_string(worst / largest));
}

/** What bf16 keeps, told by its own spacing: eight bits of a number's size. */
Doubles halves(Doubles values) {
  for (double& value : values) {
    if (value == 0) continue;
    const double spacing = std::ldexp(1, std::ilogb(value) - 7);
    value = std::nearbyint(value / spacing) * spacing;
  }
  return values;
}

/** Whether two threads must give the bits of one. With AMX they do not: how many rows a product has depends on their number, and its bits depend on that. */
bool isSameForAnyThreads = true;

/** Compares each output with one thread and with two, which must give the same bits each time. */
void check(const std::string& name, const Buffers& in, const Doubles& numbers, const std::vector<Doubles>& expected, double tolerance = 1e-5) {
  Buffers withOne;
  for (int numThreads = 1; numThreads <= 2; numThreads++) {
    Buffers first, second;
    for (const Doubles& values : expected) {
      first.push_back(room(values.size()));
      second.push_back(room(values.size()));
    }
    runOn(name, in, first, numbers, numThreads);
    runOn(name, in, second, numbers, numThreads);
    for (size_t i = 0; i < expected.size(); i++) {
      const std::string what = name + " with " + std::to_string(numThreads) + " threads, output " + std::to_string(i);
      expectClose(*first[i], expected[i], what, tolerance);
      expect(downloaded(*first[i]) == downloaded(*second[i]), what + ": other bits the second time");
      if (numThreads == 2 && isSameForAnyThreads) expect(downloaded(*withOne[i]) == downloaded(*first[i]), what + ": other bits than with one");
    }
    withOne = first;
  }
}

void refused(const std::string& name, const Buffers& in, const Buffers& out, const Doubles& numbers) {
  try {
    runOn(name, in, out, numbers, 1);
  } catch (const std::invalid_argument&) {
    numChecks++;
    return;
  }
  expect(false, name + " took arguments that do not fit");
}

} // namespace
