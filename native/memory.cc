#include "memory.h"

std::int64_t bytesPerValue(Dtype dtype) { return dtype == Dtype::boolean ? 1 : 4; }

Buffer::Buffer(std::shared_ptr<Memory> memory, Dtype dtype, std::int64_t count) : memory(std::move(memory)), dtype(dtype), count(count) {}

Buffer::~Buffer() {
  if (data != nullptr) memory->giveBack(data, numBytes());
}

std::int64_t Buffer::numBytes() const { return count * bytesPerValue(dtype); }

void* Buffer::allocated() {
  if (data == nullptr) data = memory->take(numBytes());
  return data;
}
