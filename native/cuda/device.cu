// A graphics card as a device, by the CUDA runtime: the first that CUDA_VISIBLE_DEVICES leaves. Memory comes from the driver's pool in the stream's order.
#include <cstdio>
#include <limits>
#include <new>
#include <stdexcept>
#include "../device.h"
#include "matrices.h"
#include "stream.h"

namespace {

/** Sizes of operands are checked as for every device; scratch is a matter of each kernel here. */
template <std::int64_t (*check)(const Arguments&)>
std::int64_t checked(const Arguments& a) {
  check(a);
  return 0;
}

#define TIRESIAS_CUDA_KERNEL(NAME) {#NAME, checked<checks::NAME>, gpu::NAME},
const Kernel kernels[] = {TIRESIAS_KERNELS(TIRESIAS_CUDA_KERNEL)};

char level[16];
const KernelTable table = {level, kernels, sizeof(kernels) / sizeof(kernels[0])};
cudaStream_t theStream = nullptr;

class DriverMemory : public Memory {
public:
  void* take(std::int64_t numBytes) override {
    void* block = nullptr;
    gpu::must(cudaMallocAsync(&block, numBytes > 0 ? numBytes : 1, gpu::stream()));
    return block;
  }
  void giveBack(void* block, std::int64_t) override { cudaFreeAsync(block, gpu::stream()); } // fails only when the driver has ended, and its memory with it
  std::int64_t pooledBytes() override {
    cudaMemPool_t pool;
    std::uint64_t reserved = 0, used = 0;
    gpu::must(cudaDeviceGetDefaultMemPool(&pool, 0));
    gpu::must(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
    gpu::must(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
    return static_cast<std::int64_t>(reserved - used);
  }
};

std::string versionWords(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

} // namespace

namespace gpu {

cudaStream_t stream() { return theStream; }

void must(cudaError_t status) {
  if (status == cudaSuccess) return;
  cudaGetLastError(); // a refusal for want of memory is not to be met again by the next call
  if (status == cudaErrorMemoryAllocation) throw std::bad_alloc();
  throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(status));
}

Scratch::Scratch(i64 numBytes) {
  if (numBytes > 0) must(cudaMallocAsync(&block, numBytes, stream()));
}

Scratch::~Scratch() {
  if (block != nullptr) cudaFreeAsync(block, stream());
}

} // namespace gpu

namespace device {

struct Moment {
  Moment() { gpu::must(cudaEventCreate(&event)); }
  ~Moment() { cudaEventDestroy(event); }
  cudaEvent_t event;
};

Description start(const char* wanted) {
  if (wanted != nullptr) throw std::runtime_error("a graphics card has one level only");
  int numDevices = 0;
  const cudaError_t status = cudaGetDeviceCount(&numDevices);
  if (status != cudaSuccess) throw std::runtime_error(std::string("no graphics card answers: ") + cudaGetErrorString(status));
  if (numDevices == 0) throw std::runtime_error("there is no graphics card");
  cudaDeviceProp card;
  gpu::must(cudaSetDevice(0));
  gpu::must(cudaGetDeviceProperties(&card, 0));
  std::snprintf(level, sizeof level, "sm_%d%d", card.major, card.minor);
  if (theStream == nullptr) {
    cudaMemPool_t pool;
    std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
    gpu::must(cudaStreamCreateWithFlags(&theStream, cudaStreamNonBlocking));
    gpu::must(cudaDeviceGetDefaultMemPool(&pool, 0));
    gpu::must(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &all)); // what was freed is kept for the next step
  }
  int runtime = 0;
  gpu::must(cudaRuntimeGetVersion(&runtime));
  return {&table, {{"card", card.name}, {"cuda", versionWords(runtime)}, {"cuBlas", cublasWords()}}, static_cast<std::int64_t>(card.totalGlobalMem)};
}

std::shared_ptr<Memory> makeMemory() { return std::make_shared<DriverMemory>(); }

void enterThread(int) { cudaSetDevice(0); }

void upload(void* block, const void* bytes, std::int64_t numBytes) {
  gpu::must(cudaMemcpyAsync(block, bytes, numBytes, cudaMemcpyHostToDevice, gpu::stream()));
  gpu::must(cudaStreamSynchronize(gpu::stream())); // the caller's memory may be pinned, whose copies return early
}

void download(void* bytes, const void* block, std::int64_t numBytes) {
  gpu::must(cudaMemcpyAsync(bytes, block, numBytes, cudaMemcpyDeviceToHost, gpu::stream()));
  gpu::must(cudaStreamSynchronize(gpu::stream()));
}

std::shared_ptr<Moment> now() {
  auto moment = std::make_shared<Moment>();
  gpu::must(cudaEventRecord(moment->event, gpu::stream()));
  return moment;
}

double secondsBetween(const Moment& begin, const Moment& end) {
  float milliseconds = 0;
  gpu::must(cudaEventSynchronize(end.event));
  gpu::must(cudaEventElapsedTime(&milliseconds, begin.event, end.event));
  return milliseconds / 1000;
}

} // namespace device
