// The two linear layers of an MLP with GELU between them, W₁ [F, C], W₂ [C, F]: y = W₂·gelu(W₁x + b₁) + b₂. Kept for the gradient are x and the wide layer
// before GELU. A block of rows goes through both products by one thread, so that its wide layer is in the cache when GELU, its slope and the next product want it.
#include "gelu.h"
#include "row-blocks.h"

namespace {

/** numbers: N, C, F, form, precision. */
struct Sizes {
  i64 N, C, F;
  RowBlocks blocks;
};

inline Sizes sizesOf(const Arguments& a) {
  const i64 N = size(a, 0), F = size(a, 2);
  return {N, size(a, 1), F, rowBlocks(N, a.numThreads)};
}

/** gelu(wide) → active, which are floats or bf16 values. */
template <typename Form, typename Value>
void activate(const float* wide, Value* active, i64 count) {
  byLanes(count, [&](Stretch stretch) LANES_WORK { storeLanes(Form::at(lanesAt(wide, stretch)).value, active, stretch); });
}

/** Besides, dActive·slope in place of dActive. */
template <typename Form, typename Value>
void activateBack(const float* wide, float* dActive, Value* active, i64 count) {
  byLanes(count, [&](Stretch stretch) LANES_WORK {
    const Gelu gelu = Form::at(lanesAt(wide, stretch));
    storeLanes(gelu.value, active, stretch);
    storeLanes(lanesAt(dActive, stretch) * gelu.slope, dActive, stretch);
  });
}

/** Value: of the factors. Kernel inputs: x, W₁, b₁, W₂, b₂; outputs: y, wide. */
template <typename Value, typename Form>
void forward(const Arguments& a) {
  const auto [N, C, F, blocks] = sizesOf(a);
  const bool isHalf = sizeof(Value) < sizeof(float);
  layOut(F, C, a.in[1], true, isHalf);
  layOut(C, F, a.in[3], true, isHalf);
  forEachBlock(N, blocks, (char*)a.scratch, mlpScratch(blocks, C, F, isHalf), a.numThreads, [&](const Block& block) {
    Value *active = (Value*)block.scratch, *room = (Value*)(block.scratch + aligned(sizeof(Value) * blocks.rows * F));
    float* wide = result(a, 1) + block.begin * F;
    const Value* x = rounded(floats(a, 0) + block.begin * C, room, block.rows * C);
    multiplyByWeights(block.rows, F, C, MatrixOf<Value>{x, false, C}, a.in[1], true, floats(a, 2), wide, F);
    activate<Form>(wide, active, block.rows * F);
    multiplyByWeights(block.rows, C, F, MatrixOf<Value>{active, false, F}, a.in[3], true, floats(a, 4), result(a, 0) + block.begin * C, C);
  });
}

/** Where a block's dWide is formed: floats in their own place, what will be rounded in its thread's scratch. */
inline float* formedAt(float* factors, char*) { return factors; }
inline float* formedAt(uint16_t*, char* scratch) { return (float*)scratch; }

/** in: dy, x, wide, W₁, W₂; out: dx, dW₁, db₁, dW₂, db₂. */
template <typename Value, typename Form>
void gradient(const Arguments& a) {
  const auto [N, C, F, blocks] = sizesOf(a);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const MlpGradientScratch places = mlpGradientScratch(N, C, F, blocks, isHalf, a.numThreads);
  char* scratch = (char*)a.scratch;
  double *downSums = (double*)(scratch + places.downSums), *upSums = (double*)(scratch + places.upSums);
  Value *active = (Value*)(scratch + places.active), *dWide = (Value*)(scratch + places.dWide);
  Value *dyRoom = (Value*)(scratch + places.dy), *xRoom = (Value*)(scratch + places.x);
  layOut(F, C, a.in[4], false, isHalf);
  layOut(C, F, a.in[3], false, isHalf);
  forEachBlock(N, blocks, scratch + places.threads, places.ofThread, a.numThreads, [&](const Block& block) {
    const i64 narrow = block.begin * C, begin = block.begin * F, count = block.rows * F;
    const Value* dy = rounded(floats(a, 0) + narrow, dyRoom + narrow, block.rows * C);
    rounded(floats(a, 1) + narrow, xRoom + narrow, block.rows * C);
    float* formed = formedAt(dWide + begin, block.scratch);
    multiplyByWeights(block.rows, F, C, MatrixOf<Value>{dy, false, C}, a.in[4], false, nullptr, formed, F);
    activateBack<Form>(floats(a, 2) + begin, formed, active + begin, count);
    sumUnits(floats(a, 0) + narrow, block.rows, C, downSums + block.unit * C);
    sumUnits(formed, block.rows, F, upSums + block.unit * F);
    const Value* factors = rounded(formed, dWide + begin, count);
    multiplyByWeights(block.rows, C, F, MatrixOf<Value>{factors, false, F}, a.in[3], false, nullptr, result(a, 0) + narrow, C);
  });
  const Value *dy = wholeOf(floats(a, 0), dyRoom), *x = wholeOf(floats(a, 1), xRoom);
  const OverRows<Value> dWeights[] = {{F, C, dWide, x, result(a, 1)}, {C, F, dy, active, result(a, 3)}};
  multiplyOverRows(dWeights, N, scratch + places.overRows, a.numThreads);
  addUnits(upSums, unitsOf(N), F, result(a, 2));
  addUnits(downSums, unitsOf(N), C, result(a, 4));
}

template <typename Value>
void forward(const Arguments& a) {
  if ((GeluForm)(int)a.numbers[3] == GeluForm::tanh) forward<Value, TanhForm>(a);
  else forward<Value, ErfForm>(a);
}

template <typename Value>
void gradient(const Arguments& a) {
  if ((GeluForm)(int)a.numbers[3] == GeluForm::tanh) gradient<Value, TanhForm>(a);
  else gradient<Value, ErfForm>(a);
}

} // namespace

namespace TIRESIAS_LEVEL {

void mlp(const Arguments& a) {
  if (isHalf(a, 4)) forward<uint16_t>(a);
  else forward<float>(a);
}

void mlpGradient(const Arguments& a) {
  if (isHalf(a, 4)) gradient<uint16_t>(a);
  else gradient<float>(a);
}

} // namespace TIRESIAS_LEVEL
