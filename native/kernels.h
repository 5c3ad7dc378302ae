// The one table of kernels. Each is a name, a check of its arguments that knows nothing of the device, and an implementation for each device: two for the CPU,
// the same sources compiled for AVX2 and for AVX-512, and one for CUDA.
#pragma once
#include <cstdint>

enum class Dtype : int { float32 = 0, int32 = 1, boolean = 2 };

struct PackedCopies;

/** A device buffer as a kernel sees it: `count` values. */
struct Operand {
  void* data;
  std::int64_t count;
  Dtype dtype;
  PackedCopies* packed; // what products keep of it; null in a check
};

/** Filled by a kernel that met values which it must not use. */
struct KernelFailure {
  bool isSet;
  char message[192];
};

/** Everything a kernel gets: plain data, because kernels are compiled per instruction set and may share no template with other files. */
struct Arguments {
  const Operand* in;
  int numIn;
  const Operand* out;
  int numOut;
  const double* numbers; // sizes and settings, in the order that the check of the kernel names
  int numNumbers;
  void* scratch; // as many bytes as the check asked for, aligned to 64
  int numThreads;
  KernelFailure* failure;
};

#define TIRESIAS_KERNELS(KERNEL) \
  KERNEL(adamw)                  \
  KERNEL(addN)                   \
  KERNEL(addScaled)              \
  KERNEL(argMax)                 \
  KERNEL(attention)              \
  KERNEL(attentionGradient)      \
  KERNEL(binary)                 \
  KERNEL(copy)                   \
  KERNEL(crossEntropy)           \
  KERNEL(fill)                   \
  KERNEL(gather)                 \
  KERNEL(labelLogProbs)          \
  KERNEL(layerNorm)              \
  KERNEL(layerNormGradient)      \
  KERNEL(linear)                 \
  KERNEL(linearGradient)         \
  KERNEL(mlp)                    \
  KERNEL(mlpGradient)            \
  KERNEL(product)                \
  KERNEL(reduce)                 \
  KERNEL(scale)                  \
  KERNEL(scatterRows)            \
  KERNEL(softmax)                \
  KERNEL(squareSum)              \
  KERNEL(unary)

#define TIRESIAS_DECLARE(NAME) void NAME(const Arguments&);
namespace avx2 {
TIRESIAS_KERNELS(TIRESIAS_DECLARE)
}
namespace avx512 {
TIRESIAS_KERNELS(TIRESIAS_DECLARE)
}
namespace gpu {
TIRESIAS_KERNELS(TIRESIAS_DECLARE)
}
/** Each check returns the scratch bytes that its kernel needs on the CPU and throws std::invalid_argument when an argument does not fit the others. */
#define TIRESIAS_DECLARE_CHECK(NAME) std::int64_t NAME(const Arguments&);
namespace checks {
TIRESIAS_KERNELS(TIRESIAS_DECLARE_CHECK)
}

struct Kernel {
  const char* name;
  std::int64_t (*check)(const Arguments&);
  void (*run)(const Arguments&);
};

struct KernelTable {
  const char* level; // "avx2", "avx512", or "sm_90" and the like
  const Kernel* kernels;
  int numKernels;
};

/** Operations of the kernels `binary`, `unary` and `reduce`, and forms of GELU, by number as the back end sends them. */
enum class BinaryOperation : int { add, subtract, multiply, divide, maximum, minimum };
enum class UnaryOperation : int { exp, log, sqrt, rsqrt, square, sigmoid, erf };
enum class ReduceOperation : int { sum, mean, max };
enum class GeluForm : int { tanh, erf };

/** Of the factors of a product; sums are fp32. */
enum class Precision : int { fp32, bf16 };
