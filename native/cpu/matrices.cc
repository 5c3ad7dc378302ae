// See matrices.h. Plain fp32 products are dnnl_sgemm's, which needs no primitive per shape. Weights that are laid out for the product make it a tenth faster
// (Zen 4, two threads), and much more than that in bf16 where the processor has AMX.
#include "matrices.h"
#include <dnnl.h>
#include <omp.h>
#include <cstdio>
#include <cstdlib>
#include <dnnl.hpp>
#include <map>
#include <new>
#include <tuple>
#include "../memory.h"

namespace {

/** Multiplications below which waking threads costs more than it saves. */
constexpr std::int64_t ALONE = 1 << 18;

/** Primitives that a thread keeps; a model's steps need some dozens, scoring rows of many lengths some hundreds. */
constexpr std::size_t MAX_PRIMITIVES = 4096;

/** Rows of a product for which weights are laid out. */
constexpr std::int64_t USUAL_ROWS = 1024;

/** Lets the products of its scope run on the calling thread where they are small or where it is one of a team. */
class Team {
public:
  explicit Team(std::int64_t numMultiplications) : before(omp_get_max_threads()) {
    if (numMultiplications < ALONE || omp_in_parallel()) omp_set_num_threads(1);
  }
  ~Team() { omp_set_num_threads(before); }

private:
  const int before;
};

[[noreturn]] void fail(std::int64_t m, std::int64_t n, std::int64_t k, int status) { // sizes were checked: only a lack of memory is left
  std::fprintf(stderr, "tiresias: oneDNN's product of %lld × %lld × %lld failed with status %d\n", (long long)m, (long long)n, (long long)k, status);
  std::abort();
}

void clear(std::int64_t m, std::int64_t n, const float* bias, float* c, std::int64_t cStride) {
  for (std::int64_t i = 0; i < m; i++) {
    for (std::int64_t j = 0; j < n; j++) c[i * cStride + j] = bias == nullptr ? 0 : bias[j];
  }
}

using dnnl::memory;

dnnl::engine& engine() {
  static dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
  return cpu;
}

dnnl::stream& stream() {
  static thread_local dnnl::stream own(engine());
  return own;
}

/** Weights as oneDNN wants them for a product. */
struct Packed {
  memory::desc layout;
  memory values;
};

struct Shape {
  std::int64_t m, n, k, aStride, bStride, cStride; // a stride of 0 for b: packed
  bool isATransposed, isBTransposed, adds, hasBias, isHalf;
  int numThreads;
  bool operator<(const Shape& other) const { return key() < other.key(); }
  memory::data_type factor() const { return isHalf ? memory::data_type::bf16 : memory::data_type::f32; }

private:
  std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, std::int64_t, int, int> key() const {
    return {m, n, k, aStride, bStride, cStride, isATransposed + 2 * isBTransposed + 4 * adds + 8 * hasBias + 16 * isHalf, numThreads};
  }
};

memory::dims strides(bool isTransposed, std::int64_t stride) { return isTransposed ? memory::dims{1, stride} : memory::dims{stride, 1}; }

dnnl::matmul::primitive_desc describe(const Shape& s, const memory::desc& b) {
  const auto whole = memory::data_type::f32;
  const memory::desc a({s.m, s.k}, s.factor(), strides(s.isATransposed, s.aStride)), c({s.m, s.n}, whole, memory::dims{s.cStride, 1});
  dnnl::primitive_attr attributes;
  if (s.adds) {
    dnnl::post_ops after;
    after.append_sum(1.0f);
    attributes.set_post_ops(after);
  }
  const memory::desc bias({1, s.n}, whole, memory::dims{s.n, 1});
  return dnnl::matmul::primitive_desc(s.hasBias ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c), attributes, engine());
}

/** A primitive with its arguments, whose addresses change from call to call: small products come by the thousand. */
class Product {
public:
  Product(const Shape& shape, const memory::desc& b)
      : description(describe(shape, b)), primitive(description), a(description.src_desc(), engine(), nullptr), b(description.weights_desc(), engine(), nullptr),
        c(description.dst_desc(), engine(), nullptr), arguments{{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, this->b}, {DNNL_ARG_DST, c}} {
    if (!shape.hasBias) return;
    bias = memory(description.bias_desc(), engine(), nullptr);
    arguments.insert({DNNL_ARG_BIAS, bias});
  }

  bool takes(const memory::desc& layout) const { return description.weights_desc() == layout; }

  void run(const void* aValues, void* bValues, const float* biasValues, float* cValues) {
    a.set_data_handle(const_cast<void*>(aValues));
    b.set_data_handle(bValues);
    c.set_data_handle(cValues);
    if (biasValues != nullptr) bias.set_data_handle(const_cast<float*>(biasValues));
    primitive.execute(stream(), arguments);
    stream().wait();
  }

private:
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  memory a, b, c, bias;
  std::unordered_map<int, memory> arguments;
};

/** The product of a shape, made once a thread. */
Product& productOf(const Shape& shape, const memory::desc& b) {
  static thread_local std::map<Shape, Product> kept;
  const auto found = kept.find(shape);
  if (found != kept.end()) {
    if (shape.bStride > 0 || found->second.takes(b)) return found->second;
    kept.erase(found);
  }
  if (kept.size() >= MAX_PRIMITIVES) kept.clear();
  return kept.emplace(shape, Product(shape, b)).first->second;
}

/** The packed copy of the weights, made or made anew where there is none or it is stale. */
Packed& packed(std::int64_t n, std::int64_t k, const Operand& weights, bool isTransposed, bool isHalf) {
  PackedCopy& copy = weights.packed->copies[isHalf][isTransposed];
  if (copy.matrix == nullptr) {
    // Not for as many rows as happen to come first: a run that goes on after a crash would else sum in another order.
    const Shape usual{USUAL_ROWS, n, k, k, 0, n, false, false, false, false, isHalf, 1};
    const memory::desc any({k, n}, usual.factor(), memory::format_tag::any);
    const memory::desc layout = describe(usual, any).weights_desc();
    copy.matrix = std::make_shared<Packed>(Packed{layout, memory(layout, engine())});
    copy.isCurrent = false;
  }
  Packed& target = *static_cast<Packed*>(copy.matrix.get());
  if (!copy.isCurrent) {
    const memory::desc plain({k, n}, memory::data_type::f32, strides(isTransposed, isTransposed ? k : n));
    memory source(plain, engine(), weights.data);
    dnnl::reorder(source, target.values).execute(stream(), source, target.values);
    stream().wait();
    copy.isCurrent = true;
  }
  return target;
}

template <typename Value>
void byWeights(std::int64_t m, std::int64_t n, std::int64_t k, MatrixOf<Value> a, const Operand& weights, bool isTransposed, const float* bias, float* c,
               std::int64_t cStride) {
  if (m == 0 || n == 0) return;
  if (k == 0) return clear(m, n, bias, c, cStride);
  const Team team(m * n * k);
  const bool isHalf = sizeof(Value) < sizeof(float);
  try {
    const Shape shape{m, n, k, a.stride, 0, cStride, a.isTransposed, false, false, bias != nullptr, isHalf, omp_get_max_threads()};
    Packed& b = packed(n, k, weights, isTransposed, isHalf);
    productOf(shape, b.layout).run(a.data, b.values.get_data_handle(), bias, c);
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory && !omp_in_parallel()) throw std::bad_alloc();
    fail(m, n, k, error.status);
  }
}

} // namespace

void layOut(std::int64_t n, std::int64_t k, const Operand& weights, bool isTransposed, bool isHalf) {
  if (n == 0 || k == 0) return;
  try {
    packed(n, k, weights, isTransposed, isHalf);
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    fail(0, n, k, error.status);
  }
}

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, float* c, std::int64_t cStride, bool adds) {
  if (m == 0 || n == 0) return;
  if (k == 0) return adds ? void() : clear(m, n, nullptr, c, cStride);
  const Team team(m * n * k);
  const dnnl_status_t status = dnnl_sgemm(a.isTransposed ? 'T' : 'N', b.isTransposed ? 'T' : 'N', m, n, k, 1.0f, a.data, a.stride,
                                          b.data, b.stride, adds ? 1.0f : 0.0f, c, cStride);
  if (status != dnnl_success) fail(m, n, k, status);
}

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, HalfMatrix b, float* c, std::int64_t cStride, bool adds) {
  if (m == 0 || n == 0) return;
  if (k == 0) return adds ? void() : clear(m, n, nullptr, c, cStride);
  const Team team(m * n * k);
  try {
    const Shape shape{m, n, k, a.stride, b.stride, cStride, a.isTransposed, b.isTransposed, adds, false, true, omp_get_max_threads()};
    const memory::desc plain({k, n}, memory::data_type::bf16, strides(b.isTransposed, b.stride));
    productOf(shape, plain).run(a.data, const_cast<std::uint16_t*>(b.data), nullptr, c);
  } catch (const dnnl::error& error) {
    fail(m, n, k, error.status);
  }
}

void multiplyByWeights(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, const Operand& weights, bool isTransposed, const float* bias, float* c,
                       std::int64_t cStride) {
  byWeights(m, n, k, a, weights, isTransposed, bias, c, cStride);
}

void multiplyByWeights(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, const Operand& weights, bool isTransposed, const float* bias, float* c,
                       std::int64_t cStride) {
  byWeights(m, n, k, a, weights, isTransposed, bias, c, cStride);
}
