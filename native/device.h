// What stands between the addon and the machine that computes. Each folder of kernels (cpu, cuda) implements it once; an addon is linked with one of them.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>
#include "kernels.h"

/** Memory of the device: whoever takes a block may use it after all work that was queued before. */
class Memory {
public:
  virtual ~Memory() = default;
  /** At least so many bytes, aligned to 64; throws std::bad_alloc. */
  virtual void* take(std::int64_t numBytes) = 0;
  /** Gives back what `take` gave for the same number, to be used by work that is queued after. */
  virtual void giveBack(void* block, std::int64_t numBytes) = 0;
  /** Bytes in blocks that wait to be given out again. */
  virtual std::int64_t pooledBytes() = 0;
};

namespace device {

struct Description {
  const KernelTable* table;
  /** Names and versions that decide the last bits of results, besides the table's level. */
  std::vector<std::pair<std::string, std::string>> facts;
  /** Of the device's own memory; 0 where it is the machine's. */
  std::int64_t memoryBytes;
};

/** Starts the device once; `level` asks for an instruction set by name, null for the best. Throws std::runtime_error that says what is missing. */
Description start(const char* level);

std::shared_ptr<Memory> makeMemory();

/** Called once, on the thread that will run the kernels. */
void enterThread(int numThreads);

/** Copies from the caller's memory, which may change as soon as this returns. */
void upload(void* block, const void* bytes, std::int64_t numBytes);

/** Waits for all that was queued before and copies to the caller's memory. */
void download(void* bytes, const void* block, std::int64_t numBytes);

/** A point in the order of the device's work. */
struct Moment;
std::shared_ptr<Moment> now();

/** Waits until the device has come to `end`. */
double secondsBetween(const Moment& begin, const Moment& end);

} // namespace device
