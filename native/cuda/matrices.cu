// See matrices.h. One handle on one stream with a workspace of its own and no atomics: the same bits each time on one kind of card.
#include "matrices.h"
#include <cublas_v2.h>
#include <memory>
#include <stdexcept>
#include "../memory.h"

namespace {

/** What NVIDIA recommends for Hopper; smaller cards need less. */
constexpr size_t WORKSPACE_BYTES = 32 << 20;

void demand(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  throw std::runtime_error("cuBLAS failed with status " + std::to_string(static_cast<int>(status)));
}

cublasHandle_t handle() {
  static cublasHandle_t handle = nullptr;
  if (handle != nullptr) return handle;
  void* workspace = nullptr;
  demand(cublasCreate(&handle));
  demand(cublasSetStream(handle, gpu::stream()));
  gpu::must(cudaMalloc(&workspace, WORKSPACE_BYTES));
  demand(cublasSetWorkspace(handle, workspace, WORKSPACE_BYTES));
  demand(cublasSetMathMode(handle, static_cast<cublasMath_t>(CUBLAS_DEFAULT_MATH | CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION)));
  demand(cublasSetAtomicsMode(handle, CUBLAS_ATOMICS_NOT_ALLOWED));
  return handle;
}

template <typename Value>
constexpr cudaDataType_t typeOf() {
  return sizeof(Value) < sizeof(float) ? CUDA_R_16BF : CUDA_R_32F;
}

cublasOperation_t operation(bool isTransposed) { return isTransposed ? CUBLAS_OP_T : CUBLAS_OP_N; }

int dimension(i64 value) {
  if (value > 0x7fffffff) throw std::runtime_error("a matrix of " + std::to_string(value) + " rows is too large for cuBLAS");
  return static_cast<int>(value);
}

} // namespace

namespace gpu {

template <typename Value>
void multiply(i64 m, i64 n, i64 k, MatrixOf<Value> a, MatrixOf<Value> b, Target c, bool adds, i64 batch) {
  if (m == 0 || n == 0 || batch == 0) return;
  const float one = 1, kept = adds ? 1 : 0;
  if (k == 0) {
    if (adds) return;
    return each(batch * m * n, [=] __device__(i64 i) { c.data[i / (m * n) * c.step + i / n % m * c.stride + i % n] = 0; });
  }
  // The library counts columns first: a row-major product is that of the other order for it.
  demand(cublasGemmStridedBatchedEx(handle(), operation(b.isTransposed), operation(a.isTransposed), dimension(n), dimension(m), dimension(k), &one, b.data,
                                  typeOf<Value>(), dimension(b.stride), b.step, a.data, typeOf<Value>(), dimension(a.stride), a.step, &kept, c.data,
                                  CUDA_R_32F, dimension(c.stride), c.step, dimension(batch), CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
}
template void multiply<float>(i64, i64, i64, MatrixOf<float>, MatrixOf<float>, Target, bool, i64);
template void multiply<bf16>(i64, i64, i64, MatrixOf<bf16>, MatrixOf<bf16>, Target, bool, i64);

template <>
const float* weightsAs<float>(const Operand& weights) {
  return static_cast<const float*>(weights.data);
}

template <>
const bf16* weightsAs<bf16>(const Operand& weights) {
  PackedCopy& copy = weights.packed->copies[static_cast<int>(Precision::bf16)][0];
  if (copy.matrix == nullptr) {
    copy.matrix = std::make_shared<Scratch>(weights.count * sizeof(bf16));
    copy.isCurrent = false;
  }
  bf16* values = static_cast<Scratch*>(copy.matrix.get())->as<bf16>();
  if (!copy.isCurrent) rounded(static_cast<const float*>(weights.data), values, weights.count);
  copy.isCurrent = true;
  return values;
}

std::string cublasWords() {
  int version = 0;
  demand(cublasGetVersion(handle(), &version));
  return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100);
}

} // namespace gpu
