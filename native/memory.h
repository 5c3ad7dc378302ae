// The values of tensors on the device, and why some have none.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include "device.h"

/** Why a buffer has no values. */
struct Failure {
  std::string code; // "index", "memory", "device"
  std::string message;
};

/** The values of a buffer laid out for products; only the matrices.* of the device knows how. */
struct PackedCopy {
  std::shared_ptr<void> matrix;
  bool isCurrent = false; // since the buffer was last written
};

/** For each precision as they are, and transposed; of a large embedding by tiles of its rows. */
struct PackedCopies {
  PackedCopy copies[2][2];
  PackedCopy tiles[2][2];
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
