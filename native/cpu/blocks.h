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

/** Logits that are formed at a time: 64 MB of gradients in bf16, 128 in fp32. With half as many the embedding's gradient is gone over twice as often (3 to 5 %). */
constexpr std::int64_t MAX_LOGITS = 32 * 1024 * 1024;

static inline std::int64_t aligned(std::int64_t numBytes) { return (numBytes + 63) / 64 * 64; }

static inline std::int64_t chunksOf(std::int64_t count) { return (count + CHUNK - 1) / CHUNK; }

/** Rows whose logits of one tile a thread forms at a time: they stay in its second cache until it has read them. */
constexpr std::int64_t HOT_ROWS = 128;

/** Values of an embedding's tile, and its rows at least and at most: the factors and the result of a product of HOT_ROWS stay in a thread's second cache. */
constexpr std::int64_t TILE_VALUES = 256 * 1024;
constexpr std::int64_t LEAST_TILE_ROWS = 256;
constexpr std::int64_t MOST_TILE_ROWS = 1024;

/** Tiles of an embedding at least, unless they had too few rows: threads take them in turns. */
constexpr std::int64_t LEAST_TILES = 4;

/** How an embedding of V rows is cut. */
struct Tiles {
  std::int64_t V, rows; // of a tile; the last may have fewer
};

static inline std::int64_t countOf(Tiles tiles) { return (tiles.V + tiles.rows - 1) / tiles.rows; }

static inline std::int64_t rowsOf(Tiles tiles, std::int64_t tile) {
  const std::int64_t left = tiles.V - tile * tiles.rows;
  return left < tiles.rows ? left : tiles.rows;
}

static inline std::int64_t bounded(std::int64_t x, std::int64_t least, std::int64_t most) { return x < least ? least : x > most ? most : x; }

static inline Tiles tilesOf(std::int64_t V, std::int64_t C) {
  const std::int64_t most = bounded(V / LEAST_TILES / 64 * 64, LEAST_TILE_ROWS, MOST_TILE_ROWS);
  return {V, bounded(TILE_VALUES / (C < 1 ? 1 : C) / 64 * 64, LEAST_TILE_ROWS, most)};
}

/** Rows whose gradients are multiplied at a time, about the same number each time. */
static inline std::int64_t logitRows(std::int64_t N, std::int64_t V) {
  const std::int64_t most = MAX_LOGITS / V < 1 ? 1 : MAX_LOGITS / V, numBlocks = (N + most - 1) / most;
  return numBlocks <= 1 ? N : (N + numBlocks - 1) / numBlocks;
}

/** Rows of a block, at most: what is made of them should stay in a thread's second cache, and weights should not be read again for a few. */
constexpr std::int64_t MOST_ROWS = 256;

/** Fewer rows make a product slow. Blocks have a multiple of them, and sums over all rows are made of sums over so many, whatever the number of threads. */
constexpr std::int64_t LEAST_ROWS = 32;

static inline std::int64_t unitsOf(std::int64_t N) { return (N + LEAST_ROWS - 1) / LEAST_ROWS; }

/** Rows of a share where N of them are cut into so many, or fewer. */
static inline std::int64_t shareRows(std::int64_t N, std::int64_t numShares) {
  const std::int64_t units = (unitsOf(N) + numShares - 1) / numShares;
  return (units < 1 ? 1 : units) * LEAST_ROWS;
}

/** Blocks of each thread, at least: a thread that has lost its core for a while leaves some of its own to the others. */
constexpr std::int64_t BLOCKS_OF_THREAD = 2;

/** How the rows of a matrix are cut: a block is one thread's, from the first product to the last. */
struct RowBlocks {
  std::int64_t rows;  // of a block; the last may have fewer
  std::int64_t count;
};

static inline RowBlocks rowBlocks(std::int64_t N, int numThreads) {
  const std::int64_t share = shareRows(N, BLOCKS_OF_THREAD * numThreads), rows = share < MOST_ROWS ? share : MOST_ROWS;
  return {rows, (N + rows - 1) / rows};
}

static inline std::int64_t valueBytes(bool isHalf) { return isHalf ? 2 : 4; }

/** Rows of a weight's gradient that a thread forms at a time in bf16, and rows over which it sums at a time: copies of so many factors stay in the caches. */
constexpr std::int64_t SLICE_ROWS = 128;
constexpr std::int64_t SUMMED_ROWS = 2048;

static inline std::int64_t summedRows(std::int64_t N) { return N < SUMMED_ROWS ? N : SUMMED_ROWS; }

/** Bytes of one thread's slice. */
static inline std::int64_t sliceBytes(std::int64_t N) { return aligned(2 * summedRows(N) * SLICE_ROWS); }

/** Bytes in which bf16 factors [k, n] can be laid out: whole tiles. */
static inline std::int64_t laidOutBytes(std::int64_t k, std::int64_t n) { return 2 * ((k + 63) / 64 * 64) * ((n + 63) / 64 * 64); }

/** Bytes for products that sum over N rows: a slice of each thread, and the other factors of a product laid out. */
static inline std::int64_t overRowsScratch(std::int64_t N, std::int64_t width, std::int64_t otherWidth, bool isHalf, int numThreads) {
  return isHalf ? numThreads * sliceBytes(N) + laidOutBytes(summedRows(N), width) + laidOutBytes(summedRows(N), otherWidth) : 0;
}

/** Bytes of one thread in a linear layer: a block's rows, rounded. */
static inline std::int64_t linearScratch(RowBlocks blocks, std::int64_t I, bool isHalf) { return isHalf ? aligned(2 * blocks.rows * I) : 0; }

/** Where the parts of the scratch of a linear layer's gradient begin, in bytes. */
struct LinearGradientScratch {
  std::int64_t sums; // of dy's columns, [units, O] doubles
  std::int64_t dy;   // [N, O], in bf16 only
  std::int64_t x;    // [N, I], in bf16 only
  std::int64_t overRows;
  std::int64_t end;
};

static inline LinearGradientScratch linearGradientScratch(std::int64_t N, std::int64_t I, std::int64_t O, bool isHalf, int numThreads) {
  LinearGradientScratch s;
  s.sums = 0;
  s.dy = aligned(8 * unitsOf(N) * O);
  s.x = s.dy + (isHalf ? aligned(2 * N * O) : 0);
  s.overRows = s.x + (isHalf ? aligned(2 * N * I) : 0);
  s.end = s.overRows + overRowsScratch(N, I, 0, isHalf, numThreads);
  return s;
}

/** Bytes of one thread in an MLP: a block's GELU values, and its rows rounded. */
static inline std::int64_t mlpScratch(RowBlocks blocks, std::int64_t C, std::int64_t F, bool isHalf) {
  return aligned(valueBytes(isHalf) * blocks.rows * F) + (isHalf ? aligned(2 * blocks.rows * C) : 0);
}

/** Where the parts of the scratch of an MLP's gradient begin, in bytes. */
struct MlpGradientScratch {
  std::int64_t downSums; // of dy's columns, [units, C] doubles
  std::int64_t upSums;   // of dWide's columns, [units, F] doubles
  std::int64_t active;   // GELU's values [N, F]
  std::int64_t dWide;    // [N, F], as factors
  std::int64_t dy;       // [N, C], in bf16 only
  std::int64_t x;        // [N, C], in bf16 only
  std::int64_t overRows;
  std::int64_t threads;
  std::int64_t ofThread; // a block's dWide in fp32, in bf16 only
  std::int64_t end;
};

static inline MlpGradientScratch mlpGradientScratch(std::int64_t N, std::int64_t C, std::int64_t F, RowBlocks blocks, bool isHalf, int numThreads) {
  MlpGradientScratch s;
  s.downSums = 0;
  s.upSums = aligned(8 * unitsOf(N) * C);
  s.active = s.upSums + aligned(8 * unitsOf(N) * F);
  s.dWide = s.active + aligned(valueBytes(isHalf) * N * F);
  s.dy = s.dWide + aligned(valueBytes(isHalf) * N * F);
  s.x = s.dy + (isHalf ? aligned(2 * N * C) : 0);
  s.overRows = s.x + (isHalf ? aligned(2 * N * C) : 0);
  s.threads = s.overRows + overRowsScratch(N, C, F, isHalf, numThreads);
  s.ofThread = isHalf ? aligned(4 * blocks.rows * F) : 0;
  s.end = s.threads + numThreads * s.ofThread;
  return s;
}

/** Bytes of the gradient of a layer norm: its units' shares of the weight's and the bias' gradients. */
static inline std::int64_t layerNormGradientScratch(std::int64_t N, std::int64_t C) { return 2 * 4 * unitsOf(N) * C; }

/** Where what is known of some rows' logits begins, in bytes. */
struct LogitScratch {
  std::int64_t references; // [rows] floats
  std::int64_t ofLabels;   // [rows] floats
  std::int64_t parts;      // [rows, tiles] floats
  std::int64_t rooms;      // of each thread, for the logits of HOT_ROWS in a tile
  std::int64_t end;
};

static inline std::int64_t logitRoomBytes(Tiles tiles) { return 4 * HOT_ROWS * tiles.rows; }

static inline LogitScratch logitScratch(std::int64_t rows, Tiles tiles, int numThreads) {
  LogitScratch s;
  s.references = 0;
  s.ofLabels = aligned(4 * rows);
  s.parts = s.ofLabels + aligned(4 * rows);
  s.rooms = s.parts + aligned(4 * rows * countOf(tiles));
  s.end = s.rooms + numThreads * logitRoomBytes(tiles);
  return s;
}

/** Where the parts of cross-entropy's scratch begin, in bytes; logitScratch() comes first. */
struct CrossEntropyScratch {
  std::int64_t losses;       // [N] doubles
  std::int64_t shares;       // [rows] floats
  std::int64_t labelShares;  // [rows] floats
  std::int64_t hidden;       // [rows, C], as factors
  std::int64_t exponentials; // tiles of [rows, tile], as factors
  std::int64_t overRows;     // a block's hidden states laid out, in bf16 only
  std::int64_t end;
};

static inline CrossEntropyScratch crossEntropyScratch(std::int64_t N, std::int64_t C, std::int64_t V, bool isHalf, int numThreads) {
  const std::int64_t rows = logitRows(N, V);
  CrossEntropyScratch s;
  s.losses = logitScratch(rows, tilesOf(V, C), numThreads).end;
  s.shares = s.losses + aligned(8 * N);
  s.labelShares = s.shares + aligned(4 * rows);
  s.hidden = s.labelShares + aligned(4 * rows);
  s.exponentials = s.hidden + aligned(valueBytes(isHalf) * rows * C);
  s.overRows = s.exponentials + aligned(valueBytes(isHalf) * rows * V);
  s.end = s.overRows + (isHalf ? laidOutBytes(rows, C) : 0);
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
