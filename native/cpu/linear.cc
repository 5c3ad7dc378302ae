// y = x·Wᵀ + b with W [out, in], and its gradients. In bf16 the factors are rounded, the weights once an update. A block of rows is one thread's.
#include "row-blocks.h"

namespace {

/** numbers: N, in, out, precision. Value: of the factors. */
template <typename Value>
void forward(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const RowBlocks blocks = rowBlocks(N, a.numThreads);
  layOut(O, I, a.in[1], true, isHalf);
  forEachBlock(N, blocks, (char*)a.scratch, linearScratch(blocks, I, isHalf), a.numThreads, [&](const Block& block) {
    const Value* x = rounded(floats(a, 0) + block.begin * I, (Value*)block.scratch, block.rows * I);
    multiplyByWeights(block.rows, O, I, MatrixOf<Value>{x, false, I}, a.in[1], true, floats(a, 2), result(a, 0) + block.begin * O, O);
  });
}

template <typename Value>
void gradient(const Arguments& a) {
  const i64 N = size(a, 0), I = size(a, 1), O = size(a, 2);
  const bool isHalf = sizeof(Value) < sizeof(float);
  const RowBlocks blocks = rowBlocks(N, a.numThreads);
  const LinearGradientScratch places = linearGradientScratch(N, I, O, isHalf, a.numThreads);
  char* scratch = (char*)a.scratch;
  double* sums = (double*)(scratch + places.sums);
  Value *dyRoom = (Value*)(scratch + places.dy), *xRoom = (Value*)(scratch + places.x);
  layOut(I, O, a.in[2], false, isHalf);
  forEachBlock(N, blocks, scratch, 0, a.numThreads, [&](const Block& block) {
    const float *dyBlock = floats(a, 0) + block.begin * O, *xBlock = floats(a, 1) + block.begin * I;
    const Value* dy = rounded(dyBlock, dyRoom + block.begin * O, block.rows * O);
    rounded(xBlock, xRoom + block.begin * I, block.rows * I);
    sumUnits(dyBlock, block.rows, O, sums + block.unit * O);
    multiplyByWeights(block.rows, I, O, MatrixOf<Value>{dy, false, O}, a.in[2], false, nullptr, result(a, 0) + block.begin * I, I);
  });
  const OverRows<Value> dWeight[] = {{O, I, wholeOf(floats(a, 0), dyRoom), wholeOf(floats(a, 1), xRoom), result(a, 1)}};
  multiplyOverRows(dWeight, N, scratch + places.overRows, a.numThreads);
  addUnits(sums, unitsOf(N), O, result(a, 2));
}

} // namespace

namespace TIRESIAS_LEVEL {

void linear(const Arguments& a) {
  if (isHalf(a, 3)) forward<uint16_t>(a);
  else forward<float>(a);
}

void linearGradient(const Arguments& a) {
  if (isHalf(a, 3)) gradient<uint16_t>(a);
  else gradient<float>(a);
}

} // namespace TIRESIAS_LEVEL
