#include "executor.h"
#include <exception>
#include <new>

namespace {

constexpr std::size_t MAX_LAPS = 1024;

/** The operands as a kernel sees them; for a check, the identity of each buffer stands for its memory. */
std::vector<Operand> operandsOf(const std::vector<std::shared_ptr<Buffer>>& buffers, bool isForCheck) {
  std::vector<Operand> operands;
  operands.reserve(buffers.size());
  for (const auto& buffer : buffers) {
    if (isForCheck) operands.push_back({buffer.get(), buffer->count, buffer->dtype, nullptr});
    else operands.push_back({buffer->data, buffer->count, buffer->dtype, &buffer->packed});
  }
  return operands;
}

Arguments argumentsOf(const Call& call, const std::vector<Operand>& in, const std::vector<Operand>& out, int numThreads) {
  return {in.data(),           static_cast<int>(in.size()),           out.data(), static_cast<int>(out.size()),
          call.numbers.data(), static_cast<int>(call.numbers.size()), nullptr,    numThreads,
          nullptr};
}

void fail(const Call& call, std::shared_ptr<const Failure> failure) {
  for (const auto& buffer : call.out) buffer->failure = failure;
}

} // namespace

void checkCall(Call& call, int numThreads) {
  const auto in = operandsOf(call.in, true), out = operandsOf(call.out, true);
  call.scratchBytes = call.kernel->check(argumentsOf(call, in, out, numThreads));
}

void runCall(const Call& call, Memory& memory, int numThreads) {
  for (const auto& buffer : call.in) {
    if (buffer->failure != nullptr) return fail(call, buffer->failure);
  }
  KernelFailure failure{false, {0}};
  void* scratch = nullptr;
  try {
    for (const auto& buffer : call.out) buffer->allocated();
    if (call.scratchBytes > 0) scratch = memory.take(call.scratchBytes);
    const auto in = operandsOf(call.in, false), out = operandsOf(call.out, false);
    Arguments arguments = argumentsOf(call, in, out, numThreads);
    arguments.scratch = scratch;
    arguments.failure = &failure;
    call.kernel->run(arguments);
    if (failure.isSet) fail(call, std::make_shared<const Failure>(Failure{"index", failure.message}));
  } catch (const std::bad_alloc&) {
    const std::string message = std::string("the system has no memory left for the kernel ") + call.kernel->name;
    fail(call, std::make_shared<const Failure>(Failure{"memory", message}));
  } catch (const std::exception& error) {
    fail(call, std::make_shared<const Failure>(Failure{"device", std::string("the kernel ") + call.kernel->name + " failed: " + error.what()}));
  }
  if (scratch != nullptr) memory.giveBack(scratch, call.scratchBytes);
  for (const auto& buffer : call.out) {
    for (auto* kind : {&buffer->packed.copies, &buffer->packed.tiles}) {
      for (auto& ofPrecision : *kind) {
        for (auto& copy : ofPrecision) copy.isCurrent = false;
      }
    }
  }
}

Executor::Executor(const KernelTable* table, int numThreads)
    : table(table), threads(numThreads), kernelTimes(table->numKernels), worker([this] { work(); }) {}

Executor::~Executor() {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    isStopping = true;
  }
  hasWork.notify_one();
  worker.join();
}

void Executor::enqueue(std::function<void()> task) {
  {
    const std::lock_guard<std::mutex> lock(mutex);
    queue.push_back(std::move(task));
  }
  hasWork.notify_one();
}

void Executor::enqueueCall(Call call, std::shared_ptr<Memory> memory) {
  enqueue([this, call = std::move(call), memory = std::move(memory)] {
    const auto begin = device::now();
    runCall(call, *memory, threads);
    const auto end = device::now();
    const std::lock_guard<std::mutex> lock(mutex);
    laps.push_back({call.kernel - table->kernels, begin, end});
    if (laps.size() > 2 * MAX_LAPS) addUp(MAX_LAPS);
  });
}

/** Adds up the oldest until so many wait: a device is behind its queue, and waiting for the newest would let it run dry. */
void Executor::addUp(std::size_t most) {
  while (laps.size() > most) {
    const Lap& lap = laps.front();
    KernelTime& time = kernelTimes[lap.place];
    time.numCalls += 1;
    time.seconds += device::secondsBetween(*lap.begin, *lap.end);
    laps.pop_front();
  }
}

std::vector<KernelTime> Executor::times() {
  const std::lock_guard<std::mutex> lock(mutex);
  addUp(0);
  return kernelTimes;
}

void Executor::work() {
  device::enterThread(threads);
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock<std::mutex> lock(mutex);
      hasWork.wait(lock, [this] { return isStopping || !queue.empty(); });
      if (isStopping) return;
      task = std::move(queue.front());
      queue.pop_front();
    }
    task();
  }
}
