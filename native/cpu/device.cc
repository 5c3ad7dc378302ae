// The CPU as a device: the implementations that this processor can run, and its clock. Its memory is in memory.cc.
#include "../device.h"
#include <dnnl.h>
#include <omp.h>
#include <chrono>
#include <cstring>
#include <stdexcept>

namespace {

#define TIRESIAS_AVX2(NAME) {#NAME, checks::NAME, avx2::NAME},
#define TIRESIAS_AVX512(NAME) {#NAME, checks::NAME, avx512::NAME},
const Kernel avx2Kernels[] = {TIRESIAS_KERNELS(TIRESIAS_AVX2)};
const Kernel avx512Kernels[] = {TIRESIAS_KERNELS(TIRESIAS_AVX512)};
constexpr int numKernels = sizeof(avx2Kernels) / sizeof(avx2Kernels[0]);
const KernelTable avx2Table = {"avx2", avx2Kernels, numKernels};
const KernelTable avx512Table = {"avx512", avx512Kernels, numKernels};

bool hasAvx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }

bool hasAvx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

const KernelTable* tableOf(const char* level) {
  if (!hasAvx2()) throw std::runtime_error("this processor lacks AVX2 or FMA");
  if (level != nullptr && std::strcmp(level, "avx2") == 0) return &avx2Table;
  if (hasAvx512()) return &avx512Table;
  if (level != nullptr) throw std::runtime_error("this processor has not that level");
  return &avx2Table;
}

} // namespace

namespace device {

struct Moment {
  std::chrono::steady_clock::time_point time;
};

Description start(const char* level) {
  const dnnl_version_t* version = dnnl_version();
  const std::string words = std::to_string(version->major) + "." + std::to_string(version->minor) + "." + std::to_string(version->patch);
  return {tableOf(level), {{"oneDnn", words}}, 0};
}

void enterThread(int numThreads) {
  omp_set_num_threads(numThreads); // of this thread's teams, oneDNN's too
  omp_set_dynamic(0);
}

void upload(void* block, const void* bytes, std::int64_t numBytes) { std::memcpy(block, bytes, numBytes); }

void download(void* bytes, const void* block, std::int64_t numBytes) { std::memcpy(bytes, block, numBytes); }

std::shared_ptr<Moment> now() { return std::make_shared<Moment>(Moment{std::chrono::steady_clock::now()}); }

double secondsBetween(const Moment& begin, const Moment& end) { return std::chrono::duration<double>(end.time - begin.time).count(); }

} // namespace device
