// How kernels cut their work: arithmetic that checks and kernels must agree on, the same for every instruction set and number of threads.
#pragma once
#include <cstdint>

constexpr int MAX_RANK = 6;
constexpr int MAX_SUMMANDS = 8;

/** Values that are summed in one go; sums of sums keep the order whatever the number of threads. */
constexpr std::int64_t CHUNK = 16384;

/** Queries that attention takes at a time: their products with all keys are what is kept of the T × T matrix. */
constexpr std::int64_t QUERY_BLOCK = 64;

/** Values that loops over the rows of a block take at a time, on any machine: rows are as long, so that no loop ends with single values. */
constexpr std::int64_t LANES = 16;

static inline std::int64_t wholeLanes(std::int64_t count) { return (count + LANES - 1) / LANES * LANES; }

/** Logits that are formed at a time: 64 MB. Fewer would go over the embedding's gradient more often. */
constexpr std::int64_t MAX_LOGITS = 16 * 1024 * 1024;

static inline std::int64_t aligned(std::int64_t numBytes) { return (numBytes + 63) / 64 * 64; }

static inline std::int64_t chunksOf(std::int64_t count) { return (count + CHUNK - 1) / CHUNK; }

/** Rows whose logits are formed and turned into gradients while they are in the caches; the products for the gradients take a whole block of rows. */
constexpr std::int64_t HOT_ROWS = 128;

/** Rows whose gradients are multiplied at a time. */
static inline std::int64_t logitRows(std::int64_t N, std::int64_t V) {
  const std::int64_t rows = MAX_LOGITS / V;
  if (rows >= N) return N;
  return rows < 1 ? 1 : rows;
}

/** Where the parts of cross-entropy's scratch begin, in bytes. */
struct CrossEntropyScratch {
  std::int64_t losses;  // [N] doubles; before them, in bf16, HOT_ROWS of logits
  std::int64_t hidden;  // [N, C], in bf16 only
  std::int64_t dLogits; // [rows, V]; in fp32 they are the logits first
  std::int64_t end;
};

static inline CrossEntropyScratch crossEntropyScratch(std::int64_t N, std::int64_t C, std::int64_t V, bool isHalf) {
  const std::int64_t rows = logitRows(N, V), hotRows = rows < HOT_ROWS ? rows : HOT_ROWS;
  CrossEntropyScratch s;
  s.losses = isHalf ? aligned(4 * hotRows * V) : 0;
  s.hidden = s.losses + aligned(8 * N);
  s.dLogits = s.hidden + (isHalf ? aligned(2 * N * C) : 0);
  s.end = s.dLogits + aligned((isHalf ? 2 : 4) * rows * V);
  return s;
}

/** Bytes of one thread: a block of weights, queries and keys; in bf16 values too, and the weights rounded. */
static inline std::int64_t attentionScratch(std::int64_t T, std::int64_t D, bool isHalf) {
  const std::int64_t block = QUERY_BLOCK * wholeLanes(T);
  return aligned(4 * block + (isHalf ? 2 * (block + 3 * T * D) : 4 * 2 * T * D));
}

/** Bytes of one thread: blocks of weights and of their gradients, gradients of queries and keys, queries and keys; in bf16 as above. */
static inline std::int64_t attentionGradientScratch(std::int64_t T, std::int64_t D, bool isHalf) {
  const std::int64_t block = QUERY_BLOCK * wholeLanes(T);
  return aligned(4 * (2 * block + 2 * T * D) + (isHalf ? 2 * (2 * block + 4 * T * D) : 4 * 2 * T * D));
}
