// The door to JavaScript (Node-API). Every argument is checked here and by the kernel's own check before anything is queued; src/tensor/native/addon.ts is the
// other side.
#include <napi.h>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include "executor.h"

namespace {

/** What JavaScript holds: a reference that can be given up. */
struct Handle {
  std::shared_ptr<Buffer> buffer; // null once disposed
};

constexpr napi_type_tag HANDLE_TAG = {0x7469726573696173, 0x62756666657273};
constexpr std::int64_t LARGEST_COUNT = 1LL << 40;

/** A read that waits for its turn: JavaScript's memory is written by the executor. */
struct Read {
  Read(Napi::Env env, std::shared_ptr<Buffer> buffer) : deferred(env), buffer(std::move(buffer)) {}
  Napi::Promise::Deferred deferred;
  std::shared_ptr<Buffer> buffer;
  Napi::Reference<Napi::ArrayBuffer> target;
  void* bytes = nullptr;
  std::shared_ptr<const Failure> failure;
};

Napi::Error errorOf(Napi::Env env, const Failure& failure) {
  Napi::Error error = Napi::Error::New(env, failure.message);
  error.Set("code", Napi::String::New(env, failure.code));
  return error;
}

[[noreturn]] void refuse(Napi::Env env, const std::string& message) { throw Napi::TypeError::New(env, "native: " + message); }

Napi::Value typed(Napi::Env env, Dtype dtype, Napi::ArrayBuffer bytes, std::int64_t count) {
  const auto length = static_cast<size_t>(count);
  if (dtype == Dtype::float32) return Napi::Float32Array::New(env, length, bytes, 0);
  if (dtype == Dtype::int32) return Napi::Int32Array::New(env, length, bytes, 0);
  return Napi::Uint8Array::New(env, length, bytes, 0);
}

std::shared_ptr<const Failure> copyOut(const Buffer& buffer, void* bytes) {
  if (buffer.failure == nullptr && buffer.numBytes() > 0) {
    if (buffer.data == nullptr) return std::make_shared<const Failure>(Failure{"unwritten", "no kernel has written this buffer"});
    try {
      device::download(bytes, buffer.data, buffer.numBytes());
    } catch (const std::exception& error) {
      return std::make_shared<const Failure>(Failure{"device", error.what()});
    }
  }
  return buffer.failure;
}

} // namespace

class Addon : public Napi::Addon<Addon> {
public:
  Addon(Napi::Env env, Napi::Object exports) {
    DefineAddon(exports, {InstanceMethod("start", &Addon::Start), InstanceMethod("allocate", &Addon::Allocate),
                          InstanceMethod("upload", &Addon::Upload), InstanceMethod("dispose", &Addon::Dispose),
                          InstanceMethod("run", &Addon::Run), InstanceMethod("read", &Addon::ReadLater),
                          InstanceMethod("readSync", &Addon::ReadSync), InstanceMethod("pooledBytes", &Addon::PooledBytes),
                          InstanceMethod("times", &Addon::Times), InstanceMethod("stop", &Addon::Stop)});
    arrivals = Napi::ThreadSafeFunction::New(env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "tiresias reads", 0, 1);
    arrivals.Unref(env); // a process may end while nothing is being read
    env.AddCleanupHook([this] { executor.reset(); });
  }

private:
  /** start(numThreads, level?) → {level, facts, memoryBytes, kernels}; once. */
  Napi::Value Start(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor != nullptr) refuse(env, "started already");
    const double numThreads = number(info, 0);
    if (!(numThreads >= 1 && numThreads <= 1024)) refuse(env, "the number of threads must be 1 to 1024");
    const bool hasLevel = info.Length() > 1 && info[1].IsString();
    try {
      description = device::start(hasLevel ? info[1].As<Napi::String>().Utf8Value().c_str() : nullptr);
    } catch (const std::runtime_error& error) {
      refuse(env, error.what());
    }
    table = description.table;
    memory = device::makeMemory();
    executor = std::make_unique<Executor>(table, static_cast<int>(numThreads));
    Napi::Array kernels = Napi::Array::New(env, table->numKernels);
    for (int i = 0; i < table->numKernels; i++) kernels.Set(static_cast<uint32_t>(i), Napi::String::New(env, table->kernels[i].name));
    Napi::Object facts = Napi::Object::New(env), started = Napi::Object::New(env);
    for (const auto& [name, value] : description.facts) facts.Set(name, value);
    started.Set("level", table->level);
    started.Set("facts", facts);
    started.Set("memoryBytes", static_cast<double>(description.memoryBytes));
    started.Set("kernels", kernels);
    return started;
  }

  /** allocate(dtype, count) → handle */
  Napi::Value Allocate(const Napi::CallbackInfo& info) {
    if (executor == nullptr) refuse(info.Env(), "not started");
    const Dtype dtype = dtypeAt(info, 0);
    const double count = number(info, 1);
    if (!(count >= 0 && count <= LARGEST_COUNT) || count != static_cast<double>(static_cast<std::int64_t>(count)))
      refuse(info.Env(), "a buffer of " + std::to_string(count) + " values");
    return wrap(info.Env(), std::make_shared<Buffer>(memory, dtype, static_cast<std::int64_t>(count)));
  }

  /** upload(dtype, typed array) → handle; the values are copied before it returns. */
  Napi::Value Upload(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor == nullptr) refuse(env, "not started");
    const Dtype dtype = dtypeAt(info, 0);
    if (info.Length() < 2 || !info[1].IsTypedArray()) refuse(env, "an upload needs a typed array");
    const auto array = info[1].As<Napi::TypedArray>();
    const auto wanted = dtype == Dtype::float32 ? napi_float32_array : dtype == Dtype::int32 ? napi_int32_array : napi_uint8_array;
    if (array.TypedArrayType() != wanted) refuse(env, "the array is not of the buffer's type");
    auto buffer = std::make_shared<Buffer>(memory, dtype, static_cast<std::int64_t>(array.ElementLength()));
    try {
      if (buffer->count > 0) device::upload(buffer->allocated(), static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset(), buffer->numBytes());
    } catch (const std::bad_alloc&) {
      throw errorOf(env, {"memory", "the device has no memory left for " + std::to_string(buffer->numBytes()) + " bytes"});
    } catch (const std::runtime_error& error) {
      throw errorOf(env, {"device", error.what()});
    }
    return wrap(env, std::move(buffer));
  }

  void Dispose(const Napi::CallbackInfo& info) { handleAt(info.Env(), info.Length() > 0 ? info[0] : info.Env().Undefined())->buffer.reset(); }

  /** run(kernel, inputs, outputs, numbers) */
  void Run(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor == nullptr) refuse(env, "not started");
    const double place = number(info, 0);
    if (!(place >= 0 && place < table->numKernels) || place != static_cast<int>(place)) refuse(env, "there is no kernel of that number");
    Call call;
    call.kernel = &table->kernels[static_cast<int>(place)];
    call.in = buffersAt(info, 1);
    call.out = buffersAt(info, 2);
    call.numbers = numbersAt(info, 3);
    try {
      checkCall(call, executor->numThreads());
    } catch (const std::invalid_argument& error) {
      refuse(env, std::string(call.kernel->name) + ": " + error.what());
    }
    executor->enqueueCall(std::move(call), memory);
  }

  /** read(handle) → promise of a typed array; rejects with the failure of the kernel that should have written it. */
  Napi::Value ReadLater(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor == nullptr) refuse(env, "not started");
    auto* read = new Read(env, bufferAt(env, info[0]));
    Napi::ArrayBuffer target = Napi::ArrayBuffer::New(env, read->buffer->numBytes());
    read->target = Napi::Persistent(target);
    read->bytes = target.Data();
    if (numReads++ == 0) arrivals.Ref(env);
    Napi::Promise promise = read->deferred.Promise();
    executor->enqueue([this, read] {
      read->failure = copyOut(*read->buffer, read->bytes);
      arrivals.BlockingCall(read, [this](Napi::Env env, Napi::Function, Read* read) {
        const std::unique_ptr<Read> owned(read);
        if (env == nullptr) return; // the process is ending
        Napi::HandleScope scope(env);
        if (--numReads == 0) arrivals.Unref(env);
        if (read->failure != nullptr) read->deferred.Reject(errorOf(env, *read->failure).Value());
        else read->deferred.Resolve(typed(env, read->buffer->dtype, read->target.Value(), read->buffer->count));
      });
    });
    return promise;
  }

  /** readSync(handle) → typed array; waits for all that was queued before. */
  Napi::Value ReadSync(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor == nullptr) refuse(env, "not started");
    const std::shared_ptr<Buffer> buffer = bufferAt(env, info[0]);
    Napi::ArrayBuffer target = Napi::ArrayBuffer::New(env, buffer->numBytes());
    void* bytes = target.Data();
    std::mutex mutex;
    std::condition_variable arrived;
    bool isThere = false;
    std::shared_ptr<const Failure> failure;
    executor->enqueue([&] {
      auto found = copyOut(*buffer, bytes);
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::move(found);
      isThere = true;
      arrived.notify_one();
    });
    {
      std::unique_lock<std::mutex> lock(mutex);
      arrived.wait(lock, [&] { return isThere; });
    }
    if (failure != nullptr) throw errorOf(env, *failure);
    return typed(env, buffer->dtype, target, buffer->count);
  }

  /** stop(): waits for the kernel in progress and drops the rest. Node ends without its cleanup hooks on process.exit, and oneDNN must not run meanwhile. */
  void Stop(const Napi::CallbackInfo&) { executor.reset(); }

  Napi::Value PooledBytes(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), memory == nullptr ? 0 : static_cast<double>(memory->pooledBytes())); }

  /** times() → [{kernel, numCalls, seconds}] since the start. */
  Napi::Value Times(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    if (executor == nullptr) refuse(env, "not started");
    const auto times = executor->times();
    Napi::Array result = Napi::Array::New(env, times.size());
    for (size_t i = 0; i < times.size(); i++) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("kernel", table->kernels[i].name);
      entry.Set("numCalls", static_cast<double>(times[i].numCalls));
      entry.Set("seconds", times[i].seconds);
      result.Set(static_cast<uint32_t>(i), entry);
    }
    return result;
  }

  Napi::Value wrap(Napi::Env env, std::shared_ptr<Buffer> buffer) {
    auto external = Napi::External<Handle>::New(env, new Handle{std::move(buffer)}, [](Napi::Env, Handle* handle) { delete handle; });
    external.TypeTag(&HANDLE_TAG);
    return external;
  }

  Handle* handleAt(Napi::Env env, Napi::Value value) {
    if (!value.IsExternal()) refuse(env, "a handle was expected");
    auto external = value.As<Napi::External<Handle>>();
    if (!external.CheckTypeTag(&HANDLE_TAG)) refuse(env, "a handle of another addon");
    return external.Data();
  }

  std::shared_ptr<Buffer> bufferAt(Napi::Env env, Napi::Value value) {
    Handle* handle = handleAt(env, value);
    if (handle->buffer == nullptr) refuse(env, "a tensor was used after it was disposed");
    return handle->buffer;
  }

  std::vector<std::shared_ptr<Buffer>> buffersAt(const Napi::CallbackInfo& info, size_t place) {
    if (info.Length() <= place || !info[place].IsArray()) refuse(info.Env(), "an array of handles was expected");
    const auto array = info[place].As<Napi::Array>();
    std::vector<std::shared_ptr<Buffer>> buffers;
    buffers.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); i++) buffers.push_back(bufferAt(info.Env(), array[i]));
    return buffers;
  }

  std::vector<double> numbersAt(const Napi::CallbackInfo& info, size_t place) {
    if (info.Length() <= place || !info[place].IsArray()) refuse(info.Env(), "an array of numbers was expected");
    const auto array = info[place].As<Napi::Array>();
    std::vector<double> numbers;
    numbers.reserve(array.Length());
    for (uint32_t i = 0; i < array.Length(); i++) {
      const Napi::Value value = array[i];
      if (!value.IsNumber()) refuse(info.Env(), "a number was expected");
      numbers.push_back(value.As<Napi::Number>().DoubleValue());
    }
    return numbers;
  }

  double number(const Napi::CallbackInfo& info, size_t place) {
    if (info.Length() <= place || !info[place].IsNumber()) refuse(info.Env(), "a number was expected");
    return info[place].As<Napi::Number>().DoubleValue();
  }

  Dtype dtypeAt(const Napi::CallbackInfo& info, size_t place) {
    const double value = number(info, place);
    if (value != 0 && value != 1 && value != 2) refuse(info.Env(), "there is no such type");
    return static_cast<Dtype>(static_cast<int>(value));
  }

  device::Description description;
  const KernelTable* table = nullptr;
  std::shared_ptr<Memory> memory;
  std::unique_ptr<Executor> executor;
  Napi::ThreadSafeFunction arrivals;
  int numReads = 0;
};

NODE_API_ADDON(Addon)
