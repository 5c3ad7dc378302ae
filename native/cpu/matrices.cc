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
#include <vector>
#include "../memory.h"
#include "blocks.h"

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
        c(description.dst_desc(), engine(), nullptr), arguments{{DNNL_ARG_SRC, a.get()}, {DNNL_ARG_WEIGHTS, this->b.get()}, {DNNL_ARG_DST, c.get()}} {
    if (!shape.hasBias) return;
    bias = memory(description.bias_desc(), engine(), nullptr);
    arguments.push_back({DNNL_ARG_BIAS, bias.get()});
  }

  bool takes(const memory::desc& layout) const { return description.weights_desc() == layout; }

  void run(const void* aValues, void* bValues, const float* biasValues, float* cValues) {
    a.set_data_handle(const_cast<void*>(aValues));
    b.set_data_handle(bValues);
    c.set_data_handle(cValues);
    if (biasValues != nullptr) bias.set_data_handle(const_cast<float*>(biasValues));
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream().get(), arguments.size(), arguments.data()), "a product could not be run");
    stream().wait();
  }

private:
  dnnl::matmul::primitive_desc description;
  dnnl::matmul primitive;
  memory a, b, c, bias;
  std::vector<dnnl_exec_arg_t> arguments; // as C takes them: the map that C++ takes is copied in each call
};

/** Products that this thread has made. */
std::map<Shape, Product>& ownProducts() {
  static thread_local std::map<Shape, Product> own;
  return own;
}

/** The product of a shape, made once a thread. */
Product& productOf(const Shape& shape, const memory::desc& b) {
  std::map<Shape, Product>& kept = ownProducts();
  const auto found = kept.find(shape);
  if (found != kept.end()) {
    if (found->second.takes(b)) return found->second;
    kept.erase(found);
  }
  if (kept.size() >= MAX_PRIMITIVES) kept.clear();
  return kept.emplace(shape, Product(shape, b)).first->second;
}

/** The same with b as it lies. */
Product& productOf(const Shape& shape) {
  const auto found = ownProducts().find(shape);
  if (found != ownProducts().end()) return found->second;
  return productOf(shape, memory::desc({shape.k, shape.n}, shape.factor(), strides(shape.isBTransposed, shape.bStride)));
}

/** How b [k, n] is laid out. Not for as many rows as happen to come first: a run that goes on after a crash would else sum in another order. */
memory::desc layoutOf(std::int64_t n, std::int64_t k, bool isHalf) {
  static thread_local std::map<std::tuple<std::int64_t, std::int64_t, bool>, memory::desc> kept;
  const auto key = std::make_tuple(n, k, isHalf);
  const auto found = kept.find(key);
  if (found != kept.end()) return found->second;
  const Shape usual{USUAL_ROWS, n, k, k, 0, n, false, false, false, false, isHalf, 1};
  const memory::desc any({k, n}, usual.factor(), memory::format_tag::any);
  if (kept.size() >= MAX_PRIMITIVES) kept.clear();
  return kept.emplace(key, describe(usual, any).weights_desc()).first->second;
}

/** Values that lie plain, put down as `target` wants them. */
void rearrange(const memory::desc& plain, const void* values, memory& target) {
  memory source(plain, engine(), const_cast<void*>(values));
  dnnl::reorder(source, target).execute(stream(), source, target);
  stream().wait();
}

/** The packed copy of the weights, made or made anew where there is none or it is stale. */
Packed& packed(std::int64_t n, std::int64_t k, const Operand& weights, bool isTransposed, bool isHalf) {
  PackedCopy& copy = weights.packed->copies[isHalf][isTransposed];
  if (copy.matrix == nullptr) {
    const memory::desc layout = layoutOf(n, k, isHalf);
    copy.matrix = std::make_shared<Packed>(Packed{layout, memory(layout, engine())});
    copy.isCurrent = false;
  }
  Packed& target = *static_cast<Packed*>(copy.matrix.get());
  if (!copy.isCurrent) {
    const memory::desc plain({k, n}, memory::data_type::f32, strides(isTransposed, isTransposed ? k : n));
    rearrange(plain, weights.data, target.values);
    copy.isCurrent = true;
  }
  return target;
}

typedef std::vector<Packed> PackedTiles;

/** Lays one tile out; may run on any thread. */
void fillTile(std::int64_t n, std::int64_t k, float* values, bool isTransposed, Packed& target) {
  try {
    rearrange(memory::desc({k, n}, memory::data_type::f32, strides(isTransposed, isTransposed ? k : n)), values, target.values);
  } catch (const dnnl::error& error) {
    fail(0, n, k, error.status);
  }
}

template <typename Value>
void byTile(std::int64_t m, std::int64_t rows, std::int64_t width, const Value* a, const Operand& weights, std::int64_t tile, bool isTransposed, float* c,
            bool adds) {
  const std::int64_t some = rowsOf(tilesOf(rows, width), tile), n = isTransposed ? some : width, k = isTransposed ? width : some;
  if (m == 0 || n == 0) return;
  if (k == 0) return adds ? void() : clear(m, n, nullptr, c, n);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const Team team(m * n * k);
  try {
    Packed& b = (*static_cast<PackedTiles*>(weights.packed->tiles[isHalf][isTransposed].matrix.get()))[tile];
    const Shape shape{m, n, k, k, 0, n, false, false, adds, false, isHalf, omp_get_max_threads()};
    productOf(shape, b.layout).run(a, b.values.get_data_handle(), nullptr, c);
  } catch (const dnnl::error& error) {
    fail(m, n, k, error.status);
  }
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

void layOutTiles(std::int64_t rows, std::int64_t width, const Operand& weights, bool isTransposed, bool isHalf) {
  if (rows == 0 || width == 0) return;
  PackedCopy& copy = weights.packed->tiles[isHalf][isTransposed];
  if (copy.matrix != nullptr && copy.isCurrent) return;
  const Tiles tiles = tilesOf(rows, width);
  const auto columns = [&](std::int64_t tile) { return isTransposed ? rowsOf(tiles, tile) : width; };
  const auto depth = [&](std::int64_t tile) { return isTransposed ? width : rowsOf(tiles, tile); };
  try {
    if (copy.matrix == nullptr) {
      auto made = std::make_shared<PackedTiles>();
      for (std::int64_t tile = 0; tile < countOf(tiles); tile++) {
        const memory::desc layout = layoutOf(columns(tile), depth(tile), isHalf);
        made->push_back(Packed{layout, memory(layout, engine())});
      }
      copy.matrix = made;
    }
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    fail(0, rows, width, error.status);
  }
  PackedTiles& packed = *static_cast<PackedTiles*>(copy.matrix.get());
#pragma omp parallel for schedule(static)
  for (std::int64_t tile = 0; tile < countOf(tiles); tile++) {
    fillTile(columns(tile), depth(tile), static_cast<float*>(weights.data) + tile * tiles.rows * width, isTransposed, packed[tile]);
  }
  copy.isCurrent = true;
}

void multiplyByTile(std::int64_t m, std::int64_t rows, std::int64_t width, const float* a, const Operand& weights, std::int64_t tile, bool isTransposed,
                    float* c, bool adds) {
  byTile(m, rows, width, a, weights, tile, isTransposed, c, adds);
}

void multiplyByTile(std::int64_t m, std::int64_t rows, std::int64_t width, const std::uint16_t* a, const Operand& weights, std::int64_t tile, bool isTransposed,
                    float* c, bool adds) {
  byTile(m, rows, width, a, weights, tile, isTransposed, c, adds);
}

bool& wantsWholeMatrices() {
  static bool isSo = dnnl::get_effective_cpu_isa() >= dnnl::cpu_isa::avx512_core_amx;
  return isSo;
}

void layOut(std::int64_t n, std::int64_t k, const std::uint16_t* b, char* laidOut) {
  if (n == 0 || k == 0) return;
  try {
    const memory::desc plain({k, n}, memory::data_type::bf16, memory::dims{n, 1}), layout = layoutOf(n, k, true);
    if (static_cast<std::int64_t>(layout.get_size()) > laidOutBytes(k, n)) fail(0, n, k, dnnl_unimplemented);
    memory target(layout, engine(), laidOut);
    rearrange(plain, b, target);
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) throw std::bad_alloc();
    fail(0, n, k, error.status);
  }
}

void multiplyByLaidOut(std::int64_t m, std::int64_t n, std::int64_t k, HalfMatrix a, const char* laidOut, float* c, std::int64_t cStride, bool adds) {
  if (m == 0 || n == 0) return;
  if (k == 0) return adds ? void() : clear(m, n, nullptr, c, cStride);
  const Team team(m * n * k);
  try {
    const Shape shape{m, n, k, a.stride, 0, cStride, a.isTransposed, false, adds, false, true, omp_get_max_threads()};
    productOf(shape, layoutOf(n, k, true)).run(a.data, const_cast<char*>(laidOut), nullptr, c);
  } catch (const dnnl::error& error) {
    fail(m, n, k, error.status);
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
    productOf(shape).run(a.data, const_cast<std::uint16_t*>(b.data), nullptr, c);
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
