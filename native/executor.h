// One thread that runs what it is handed, in order, while the caller goes on: as a stream of a GPU does. Kernels use all threads inside.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>
#include "memory.h"

/** A kernel with its operands, which live as long as it waits. */
struct Call {
  const Kernel* kernel;
  std::vector<std::shared_ptr<Buffer>> in, out;
  std::vector<double> numbers;
  std::int64_t scratchBytes = 0;
};

/** Time that kernels have taken. */
struct KernelTime {
  std::int64_t numCalls = 0;
  double seconds = 0;
};

/** Checks a call as its kernel demands and notes the scratch it needs. Throws std::invalid_argument. */
void checkCall(Call& call, int numThreads);

/** Runs a checked call, or passes the failure of an input on to the outputs; never throws. */
void runCall(const Call& call, Memory& memory, int numThreads);

class Executor {
public:
  Executor(const KernelTable* table, int numThreads);
  /** Waits for the task in progress and drops the rest. */
  ~Executor();
  void enqueue(std::function<void()> task);
  /** Queues a checked call; its time is counted. */
  void enqueueCall(Call call, std::shared_ptr<Memory> memory);
  /** Waits for the kernels that were started. */
  std::vector<KernelTime> times();
  int numThreads() const { return threads; }

private:
  /** A kernel's stretch of the device's time, not yet added up. */
  struct Lap {
    std::ptrdiff_t place;
    std::shared_ptr<device::Moment> begin, end;
  };
  void work();
  void addUp(std::size_t most);
  const KernelTable* table;
  const int threads;
  std::mutex mutex;
  std::condition_variable hasWork;
  std::deque<std::function<void()>> queue;
  std::deque<Lap> laps;
  std::vector<KernelTime> kernelTimes;
  bool isStopping = false;
  std::thread worker;
};
