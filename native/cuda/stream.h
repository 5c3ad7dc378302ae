// The one stream on which all kernels, copies and allocations of the device are queued, and what is used of the CUDA runtime around it.
#pragma once
#include <cuda_runtime.h>
#include <cstdint>

typedef std::int64_t i64;

namespace gpu {

cudaStream_t stream();

/** Throws std::bad_alloc where memory ran out, else std::runtime_error with the runtime's words. */
void must(cudaError_t status);

/** A block that kernels queued from now on may use, given back to those that are queued after its end. */
class Scratch {
public:
  explicit Scratch(i64 numBytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  template <typename Value>
  Value* as() const {
    return static_cast<Value*>(block);
  }

private:
  void* block = nullptr;
};

} // namespace gpu
