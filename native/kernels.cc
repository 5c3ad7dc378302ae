// Chooses the implementations that this processor can run.
#include "kernels.h"
#include <cstring>

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

} // namespace

const KernelTable* tableForThisProcessor(const char* wanted) {
  if (!hasAvx2()) return nullptr;
  if (!hasAvx512()) return wanted == nullptr || std::strcmp(wanted, "avx2") == 0 ? &avx2Table : nullptr;
  return wanted != nullptr && std::strcmp(wanted, "avx2") == 0 ? &avx2Table : &avx512Table;
}
