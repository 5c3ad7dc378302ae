// Blocks that are kept and given out again, because fresh pages of the system cost as much as a kernel that writes them.
#include <sys/mman.h>
#include <cstdlib>
#include <map>
#include <mutex>
#include <new>
#include "../device.h"

namespace {

constexpr std::int64_t HUGE_PAGE = 2 * 1024 * 1024;
/** Blocks that wait may take this much, or as much as is in use: the shapes of a step come again in the next. */
constexpr std::int64_t LEAST_POOL = 256 * 1024 * 1024;

/** Sizes of blocks: powers of two and three steps between them, so that tensors of about one size share blocks; at most a quarter is lost. */
std::int64_t blockSize(std::int64_t numBytes) {
  std::int64_t power = 256;
  while (power * 2 <= numBytes) power *= 2;
  if (numBytes <= power) return power;
  const std::int64_t step = power / 4;
  return power + (numBytes - power + step - 1) / step * step;
}

void* fromSystem(std::int64_t size) {
  const std::int64_t alignment = size >= HUGE_PAGE ? HUGE_PAGE : 64;
  const std::int64_t rounded = (size + alignment - 1) / alignment * alignment;
  void* block = std::aligned_alloc(alignment, rounded);
  if (block == nullptr) throw std::bad_alloc();
  if (size >= HUGE_PAGE) madvise(block, rounded, MADV_HUGEPAGE); // a request; without huge pages it is only slower
  return block;
}

class PooledMemory : public Memory {
public:
  ~PooledMemory() override { trim(0); }
  void* take(std::int64_t numBytes) override;
  void giveBack(void* block, std::int64_t numBytes) override;
  std::int64_t pooledBytes() override;

private:
  void trim(std::int64_t most);
  std::mutex mutex;
  std::map<std::int64_t, std::vector<void*>> pool; // by size
  std::int64_t pooled = 0;
  std::int64_t takenBytes = 0;
};

void* PooledMemory::take(std::int64_t numBytes) {
  const std::int64_t size = blockSize(numBytes);
  const std::lock_guard<std::mutex> lock(mutex);
  takenBytes += size;
  const auto waiting = pool.find(size);
  if (waiting != pool.end() && !waiting->second.empty()) {
    void* block = waiting->second.back();
    waiting->second.pop_back();
    pooled -= size;
    return block;
  }
  try {
    return fromSystem(size);
  } catch (const std::bad_alloc&) {
    trim(0);
    return fromSystem(size);
  }
}

void PooledMemory::giveBack(void* block, std::int64_t numBytes) {
  const std::int64_t size = blockSize(numBytes);
  const std::lock_guard<std::mutex> lock(mutex);
  takenBytes -= size;
  pool[size].push_back(block);
  pooled += size;
  const std::int64_t most = takenBytes > LEAST_POOL ? takenBytes : LEAST_POOL;
  if (pooled > most) trim(most / 2);
}

/** Frees blocks, the largest first, until at most so many bytes wait. */
void PooledMemory::trim(std::int64_t most) {
  for (auto entry = pool.rbegin(); entry != pool.rend() && pooled > most; ++entry) {
    while (!entry->second.empty() && pooled > most) {
      std::free(entry->second.back());
      entry->second.pop_back();
      pooled -= entry->first;
    }
  }
}

std::int64_t PooledMemory::pooledBytes() {
  const std::lock_guard<std::mutex> lock(mutex);
  return pooled;
}

} // namespace

std::shared_ptr<Memory> device::makeMemory() { return std::make_shared<PooledMemory>(); }
