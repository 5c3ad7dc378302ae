// Device memory of the CPU: blocks that are kept and given out again, because fresh pages of the system cost as much as a kernel that writes them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>
#include "kernels.h"

class Memory {
public:
  ~Memory();
  /** At least so many bytes, aligned to 64; throws std::bad_alloc. */
  void* take(std::int64_t numBytes);
  /** Gives back what `take` gave for the same number. */
  void giveBack(void* block, std::int64_t numBytes);
  /** Bytes in blocks that wait to be given out again. */
  std::int64_t pooledBytes();

private:
  void trim(std::int64_t most);
  std::mutex mutex;
  std::map<std::int64_t, std::vector<void*>> pool; // by size
  std::int64_t pooled = 0;
  std::int64_t takenBytes = 0;
};

/** Why a buffer has no values. */
struct Failure {
  std::string code; // "index", "memory"
  std::string message;
};

/** The values of a buffer laid out for products; only cpu/matrices.cc knows how. */
struct PackedCopy {
  std::shared_ptr<void> matrix;
  bool isCurrent = false; // since the buffer was last written
};

/** For each precision as they are, and transposed. */
struct PackedCopies {
  PackedCopy copies[2][2];
};

/** The values of a tensor. Its block is taken when the first kernel writes it, in the order of the queue, and goes back with the last reference. */
struct Buffer {
  Buffer(std::shared_ptr<Memory> memory, Dtype dtype, std::int64_t count);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::int64_t numBytes() const;
  /** Takes the block if there is none; throws std::bad_alloc. */
  void* allocated();

  const std::shared_ptr<Memory> memory;
  const Dtype dtype;
  const std::int64_t count;
  void* data = nullptr;
  PackedCopies packed;
  std::shared_ptr<const Failure> failure; // of the kernel that should have written it, or of one before
};

std::int64_t bytesPerValue(Dtype dtype);
