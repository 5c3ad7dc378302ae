// The kernels without Node: each against float64 loops, at both instruction sets that the machine has, with one thread and with two, the same bits each time; what checks
// must refuse, indices out of bounds, failures that travel. `make test SANITIZE=1` runs it under AddressSanitizer and UBSan.
#include <sys/resource.h>
#include "../cpu/matrices.h"
#include "harness.h"

namespace {

void elementWise() {
  const int count = 40000; // above what one thread does alone
  const Doubles x = randoms(count, 1), y = randoms(count, 2);
  const auto with = [&](auto f) {
    Doubles z(count);
    for (int i = 0; i < count; i++) z[i] = f(x[i], y[i]);
    return z;
  };
  const std::function<double(double, double)> binaries[] = {
      [](double a, double b) { return a + b; }, [](double a, double b) { return a - b; },          [](double a, double b) { return a * b; },
      [](double a, double b) { return a / b; }, [](double a, double b) { return std::max(a, b); }, [](double a, double b) { return std::min(a, b); }};
  for (int i = 0; i < 6; i++) check("binary", {floats(x), floats(y)}, {double(i), 1, count, 1, 1}, {with(binaries[i])});
  const Doubles row = randoms(7, 3);
  Doubles spread(21);
  for (int i = 0; i < 21; i++) spread[i] = x[i] + row[i % 7];
  check("binary", {floats(Doubles(x.begin(), x.begin() + 21)), floats(row)}, {0, 2, 3, 7, 7, 1, 0, 1}, {spread});
  const std::function<double(double)> unaries[] = {[](double a) { return std::exp(a); }, [](double a) { return std::log(a); },
                                                   [](double a) { return std::sqrt(a); }, [](double a) { return 1 / std::sqrt(a); },
                                                   [](double a) { return a * a; },        [](double a) { return 1 / (1 + std::exp(-a)); },
                                                   [](double a) { return std::erf(a); }};
  Doubles positive(count);
  for (int i = 0; i < count; i++) positive[i] = static_cast<float>(std::fabs(x[i]) + 0.01);
  for (int i = 0; i < 7; i++) {
    Doubles expected(count);
    for (int j = 0; j < count; j++) expected[j] = unaries[i](positive[j]);
    check("unary", {floats(positive)}, {double(i), count}, {expected});
  }
  check("addN", {floats(x), floats(y), floats(x)}, {count}, {with([](double a, double b) { return 2 * a + b; })});
  check("addScaled", {floats(x), floats(y)}, {count, 0.25}, {with([](double a, double b) { return a + b / 4; })});
  check("scale", {floats(x), floats({3})}, {count}, {with([](double a, double) { return 3 * a; })});
  check("fill", {}, {5, 2.5}, {Doubles(5, 2.5)});
  double squares = 0;
  for (int i = 0; i < count; i++) squares += x[i] * x[i] + y[i] * y[i];
  check("squareSum", {floats(x), floats(y)}, {}, {{squares}});
  refused("binary", {floats(x), floats(row)}, {room(count)}, {0, 1, count, 1, 1});
  refused("unary", {floats(x)}, {room(count - 1)}, {0, count});
  refused("unary", {ints({1, 2})}, {room(2)}, {0, 2});
  refused("unary", {floats({1, 2})}, {room(2)}, {99, 2});
  refused("unary", {floats({1, 2})}, {room(2)}, {0, -2});
  refused("unary", {floats({1, 2})}, {room(2)}, {0, 1e300});
}

void extremes() {
  auto y = room(4);
  runOn("unary", {floats({1000, -1000, 88.7, NAN})}, {y}, {0, 4}, 1);
  const auto values = downloaded(*y);
  expect(std::isinf(values[0]) && values[1] == 0 && std::isnan(values[3]), "exp of 1000, −1000 and NaN");
  expect(std::fabs(values[2] / std::exp(88.7f) - 1) < 1e-5, "exp near the largest float");
}

void movements() {
  const Doubles x = randoms(24, 4);
  Doubles turned(24);
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 6; j++) turned[j * 4 + i] = x[i * 6 + j];
  }
  check("copy", {floats(x)}, {2, 6, 4, 0, 1, 6, 0, 4, 1}, {turned});
  refused("copy", {floats(x)}, {room(24)}, {2, 6, 4, 1, 1, 6, 0, 4, 1}); // one value beyond the input
  refused("copy", {floats(x)}, {room(23)}, {2, 6, 4, 0, 1, 6, 0, 4, 1});
  check("gather", {floats(x), ints({3, 0, 3})}, {4, 6, 3}, {[&] {
          Doubles rows;
          for (int id : {3, 0, 3}) rows.insert(rows.end(), x.begin() + id * 6, x.begin() + id * 6 + 6);
          return rows;
        }()});
  Doubles sums(18, 0);
  for (int i = 0; i < 4; i++) {
    for (int j = 0; j < 6; j++) sums[(i % 2 ? 2 : 0) * 6 + j] += x[i * 6 + j];
  }
  check("scatterRows", {ints({0, 2, 0, 2}), floats(x)}, {3, 6, 4}, {sums});
  for (int bad : {-1, 4, 2147483647}) {
    auto rows = room(6);
    runOn("gather", {floats(x), ints({bad})}, {rows}, {4, 6, 1}, 2);
    expect(rows->failure != nullptr && rows->failure->code == "index", "a foreign id fails");
    auto next = room(6);
    runOn("unary", {rows}, {next}, {0, 6}, 1);
    expect(next->failure == rows->failure, "a failure goes on to what depends on it");
    auto table = room(24);
    runOn("scatterRows", {ints({bad}), floats(Doubles(6, 1))}, {table}, {4, 6, 1}, 2);
    expect(table->failure != nullptr, "a foreign id scatters nothing");
  }
}

void reductions() {
  const int O = 3, R = 300, I = 70;
  const Doubles x = randoms(O * R * I, 5);
  Doubles sum(O * I, 0), mean(O * I), max(O * I, -9);
  for (int i = 0; i < O * R * I; i++) {
    const int place = i / (R * I) * I + i % I;
    sum[place] += x[i];
    max[place] = std::max(max[place], x[i]);
  }
  for (int i = 0; i < O * I; i++) mean[i] = sum[i] / R;
  check("reduce", {floats(x)}, {0, O, R, I}, {sum});
  check("reduce", {floats(x)}, {1, O, R, I}, {mean});
  check("reduce", {floats(x)}, {2, O, R, I}, {max});
  double total = 0;
  for (double value : x) total += value;
  check("reduce", {floats(x)}, {0, 1, double(x.size()), 1}, {{total}});
  auto places = room(2, Dtype::int32);
  runOn("argMax", {floats({1, 5, 5, 9, 2, 9})}, {places}, {2, 3}, 1);
  expect(downloaded<std::int32_t>(*places) == std::vector<std::int32_t>{1, 0}, "the first of the largest");
  Doubles soft(6);
  const Doubles logits = {1, 2, 3, -100, 0, 100};
  for (int r = 0; r < 2; r++) {
    double all = 0;
    for (int j = 0; j < 3; j++) all += std::exp(logits[r * 3 + j] - logits[r * 3 + 2]);
    for (int j = 0; j < 3; j++) soft[r * 3 + j] = std::exp(logits[r * 3 + j] - logits[r * 3 + 2]) / all;
  }
  check("softmax", {floats(logits)}, {2, 3}, {soft});
}

/** a [m, k], b [k, n], plain. */
Doubles productOf(const Doubles& a, const Doubles& b, int m, int n, int k) {
  Doubles c(m * n, 0);
  for (int i = 0; i < m; i++) {
    for (int l = 0; l < k; l++) {
      for (int j = 0; j < n; j++) c[i * n + j] += a[i * k + l] * b[l * n + j];
    }
  }
  return c;
}

Doubles turned(const Doubles& x, int rows, int columns) {
  Doubles y(x.size());
  for (int i = 0; i < rows; i++) {
    for (int j = 0; j < columns; j++) y[j * rows + i] = x[i * columns + j];
  }
  return y;
}

Doubles columnSumsOf(const Doubles& x, int columns) {
  Doubles sums(columns, 0);
  for (size_t i = 0; i < x.size(); i++) sums[i % columns] += x[i];
  return sums;
}

Doubles plusRow(Doubles x, const Doubles& row) {
  for (size_t i = 0; i < x.size(); i++) x[i] += row[i % row.size()];
  return x;
}

template <int N, int I, int O>
void linears() {
  for (int isHalf = 0; isHalf < 2; isHalf++) {
    const auto kept = [&](const Doubles& values) { return isHalf ? halves(values) : values; };
    const Doubles x = randoms(N * I, 6), w = randoms(O * I, 7), b = randoms(O, 8), dy = randoms(N * O, 9);
    const Doubles y = plusRow(productOf(kept(x), turned(kept(w), O, I), N, O, I), b);
    check("linear", {floats(x), floats(w), floats(b)}, {N, I, O, double(isHalf)}, {y});
    check("linearGradient", {floats(dy), floats(x), floats(w)}, {N, I, O, double(isHalf)},
          {productOf(kept(dy), kept(w), N, I, O), productOf(turned(kept(dy), N, O), kept(x), O, I, N), columnSumsOf(dy, O)});
    refused("linear", {floats(x), floats(w), floats(x)}, {room(N * O)}, {N, I, O, double(isHalf)});
  }
  refused("linear", {floats(randoms(4, 1)), floats(randoms(4, 2)), floats(randoms(2, 3))}, {room(4)}, {2, 2, 2, 2});
}

/** Weights that are written again must not be multiplied as they were. */
void staleWeights() {
  const int N = 64, C = 32;
  const Doubles x = halves(randoms(N * C, 40)), first = halves(randoms(C * C, 41)), bias(C, 0);
  auto weights = floats(first);
  const Buffers in = {floats(x), weights, floats(bias)};
  check("linear", in, {N, C, C, 1}, {productOf(x, turned(first, C, C), N, C, C)});
  runOn("scale", {weights, floats({2})}, {weights}, {C * C}, 1);
  Doubles doubled = first;
  for (double& value : doubled) value *= 2;
  check("linear", in, {N, C, C, 1}, {productOf(x, turned(doubled, C, C), N, C, C)});
}

void mlps() {
  const int N = 90, C = 20, F = 70;
  const Doubles x = randoms(N * C, 30), w1 = randoms(F * C, 31), b1 = randoms(F, 32), w2 = randoms(C * F, 33), b2 = randoms(C, 34), dy = randoms(N * C, 35);
  const std::function<double(double)> forms[] = {
      [](double u) { return 0.5 * u * (1 + std::tanh(0.79788456 * u * (1 + 0.044715 * u * u))); },
      [](double u) { return 0.5 * u * (1 + std::erf(u / std::sqrt(2))); }};
  for (int form = 0; form < 2; form++) {
    for (int isHalf = 0; isHalf < 2; isHalf++) {
      const auto kept = [&](const Doubles& values) { return isHalf ? halves(values) : values; };
      const auto gelu = forms[form];
      const Doubles wide = plusRow(productOf(kept(x), turned(kept(w1), F, C), N, F, C), b1);
      Doubles active(N * F), dWide = productOf(kept(dy), kept(w2), N, F, C);
      for (int i = 0; i < N * F; i++) active[i] = gelu(wide[i]);
      for (int i = 0; i < N * F; i++) dWide[i] *= (gelu(wide[i] + 1e-5) - gelu(wide[i] - 1e-5)) / 2e-5;
      const Doubles y = plusRow(productOf(kept(active), turned(kept(w2), C, F), N, C, F), b2);
      const Doubles dx = productOf(kept(dWide), kept(w1), N, C, F), dW1 = productOf(turned(kept(dWide), N, F), kept(x), F, C, N);
      const Doubles dW2 = productOf(turned(kept(dy), N, C), kept(active), C, F, N);
      // A value on the edge between two of bf16 may fall to either side.
      const double tolerance = isHalf ? 5e-4 : 1e-5;
      const Doubles numbers = {N, C, F, double(form), double(isHalf)};
      check("mlp", {floats(x), floats(w1), floats(b1), floats(w2), floats(b2)}, numbers, {y, wide}, tolerance);
      check("mlpGradient", {floats(dy), floats(x), floats(wide), floats(w1), floats(w2)}, numbers,
            {dx, dW1, columnSumsOf(dWide, F), dW2, columnSumsOf(dy, C)}, tolerance);
    }
  }
  refused("mlp", {floats(x), floats(w1), floats(b1), floats(w2), floats(b1)}, {room(N * C), room(N * F)}, {N, C, F, 0, 0});
  refused("mlp", {floats(x), floats(w1), floats(b1), floats(w2), floats(b2)}, {room(N * C), room(N * F)}, {N, C, F, 2, 0});
}

void products() {
  const int N = 150, I = 33, O = 65;
  const Doubles x = randoms(N * I, 6), w = randoms(O * I, 7);
  for (int a = 0; a < 2; a++) {
    for (int c = 0; c < 2; c++) {
      check("product", {floats(a ? turned(x, N, I) : x), floats(c ? w : turned(w, O, I))}, {1, N, O, I, double(a), double(c), 1, 1},
            {productOf(x, turned(w, O, I), N, O, I)});
    }
  }
  refused("product", {floats(x), floats(w)}, {room(N * O)}, {2, N, O, I, 0, 1, 1, 1});
  refused("product", {floats(x), floats(w)}, {room(N * O)}, {1, N, O, I, 0, 2, 1, 1});
  auto square = floats(randoms(16, 1));
  refused("product", {square, square}, {square}, {1, 4, 4, 4, 0, 0, 1, 1}); // the output is an input
}

void norms() {
  const int N = 300, C = 70;
  const Doubles x = randoms(N * C, 10), w = randoms(C, 11), b = randoms(C, 12), dy = randoms(N * C, 13);
  Doubles y(N * C), mean(N), rstd(N), dx(N * C), dw(C, 0), db(C, 0);
  for (int r = 0; r < N; r++) {
    double sum = 0, squares = 0, dSum = 0, projection = 0;
    for (int j = 0; j < C; j++) sum += x[r * C + j];
    mean[r] = sum / C;
    for (int j = 0; j < C; j++) squares += std::pow(x[r * C + j] - mean[r], 2);
    rstd[r] = 1 / std::sqrt(squares / C + 1e-5);
    const auto normal = [&](int j) { return (x[r * C + j] - mean[r]) * rstd[r]; };
    for (int j = 0; j < C; j++) {
      y[r * C + j] = normal(j) * w[j] + b[j];
      dSum += dy[r * C + j] * w[j] / C;
      projection += dy[r * C + j] * w[j] * normal(j) / C;
      dw[j] += dy[r * C + j] * normal(j);
      db[j] += dy[r * C + j];
    }
    for (int j = 0; j < C; j++) dx[r * C + j] = (dy[r * C + j] * w[j] - dSum - normal(j) * projection) * rstd[r];
  }
  check("layerNorm", {floats(x), floats(w), floats(b)}, {N, C, 1e-5}, {y, mean, rstd});
  check("layerNormGradient", {floats(dy), floats(x), floats(w), floats(mean), floats(rstd)}, {N, C}, {dx, dw, db});
}

/** `scale` of the hidden states: with more, labels are so much less likely than other tokens that exponentials beside a label's would overflow. */
template <int N, int C, int V>
void losses(double scale = 1) {
  // Values of bf16, so that only exponentials and what stands in for the hidden states in their gradients are rounded there.
  Doubles h = halves(randoms(N * C, 14));
  for (double& value : h) value *= scale;
  const Doubles e = halves(randoms(V * C, 15));
  Doubles logProbs(N), dh(N * C, 0), de(V * C, 0);
  std::vector<int> labels(N);
  double loss = 0;
  for (int i = 0; i < N; i++) {
    labels[i] = (i * 7919) % V;
    Doubles logits(V);
    double total = 0;
    for (int v = 0; v < V; v++) {
      for (int j = 0; j < C; j++) logits[v] += h[i * C + j] * e[v * C + j];
    }
    const double largest = *std::max_element(logits.begin(), logits.end());
    for (double& logit : logits) total += std::exp(logit -= largest);
    logProbs[i] = logits[labels[i]] - std::log(total);
    loss -= logProbs[i] / N;
    for (int v = 0; v < V; v++) {
      const double d = (std::exp(logits[v]) / total - (v == labels[i])) / N;
      for (int j = 0; j < C; j++) dh[i * C + j] += d * e[v * C + j];
      for (int j = 0; j < C; j++) de[v * C + j] += d * h[i * C + j];
    }
  }
  check("crossEntropy", {floats(h), floats(e), ints(labels)}, {N, C, V, 0}, {{loss}, dh, de}, 1e-5 * scale);
  check("crossEntropy", {floats(h), floats(e), ints(labels)}, {N, C, V, 1}, {{loss}, dh, de}, 2e-3);
  check("labelLogProbs", {floats(h), floats(e), ints(labels)}, {N, C, V}, {logProbs});
  labels[3] = V;
  auto bad = room(N);
  runOn("labelLogProbs", {floats(h), floats(e), ints(labels)}, {bad}, {N, C, V}, 2);
  expect(bad->failure != nullptr && bad->failure->message == "label 3 is " + std::to_string(V) + ", expected 0 to " + std::to_string(V - 1), "a foreign label fails");
}

/** Losses that the first guess of a reference misses by more than any exponential can hold, and one that is not a number. */
void unusualLosses() {
  losses<150, 9, 70>(32);
  constexpr int V = 300;
  // 1 + 2⁻⁸ is rounded to 1: the label's logit is 30,000 where products round, and 117 more where they do not.
  const Buffers rounded{floats({30000}), floats(Doubles(V, 1 + 1.0 / 256)), ints({7})};
  // One row's loss may not change another's by a bit.
  constexpr int N = 64;
  const auto logProbsBeside = [&](double last) {
    Doubles hidden = randoms(N, 16);
    for (double& value : hidden) value *= 10;
    hidden[N - 1] = last;
    auto logProbs = room(N);
    runOn("labelLogProbs", {floats(hidden), floats(randoms(V, 17)), ints(std::vector<int>(N, 7))}, {logProbs}, {N, 1, V}, 2);
    return downloaded(*logProbs);
  };
  const auto usual = logProbsBeside(1), unusual = logProbsBeside(1e4);
  expect(std::equal(usual.begin(), usual.end() - 1, unusual.begin()), "rows keep their bits in any company");
  expect(unusual[N - 1] < -100, "also where a label is out of reach");
  for (const int isHalf : {0, 1}) {
    auto loss = room(1), dHidden = room(1), dEmbedding = room(V);
    runOn("crossEntropy", rounded, {loss, dHidden, dEmbedding}, {1, 1, V, double(isHalf)}, 2);
    expectClose(*loss, {std::log(V)}, "the loss of logits that rounding makes much smaller");
    Doubles gradient(V, 30000.0 / V);
    gradient[7] -= 30000;
    expectClose(*dEmbedding, gradient, "its gradient", 4e-3);
    auto logProb = room(2);
    const Buffers unknown{floats({NAN, 1}), floats(Doubles(V, 1)), ints({7, 8})};
    runOn("labelLogProbs", unknown, {logProb}, {2, 1, V}, 2);
    expect(std::isnan(downloaded(*logProb)[0]), "no number comes of none");
    expect(std::fabs(downloaded(*logProb)[1] + std::log(V)) < 1e-5, "other rows keep theirs");
    runOn("crossEntropy", unknown, {loss, room(2), dEmbedding}, {2, 1, V, double(isHalf)}, 2);
    expect(std::isnan(downloaded(*loss)[0]), "a loss of no number is none");
  }
}

/** Attention as on paper, so that its gradient can be had by differences. numbers: B, T, H, D, R. */
Doubles attended(const Doubles& qkv, const Doubles& cosines, const Doubles& sines, int B, int T, int H, int D, int R) {
  Doubles out(B * T * H * D, 0);
  const auto turn = [&](int b, int t, int h, int part, int j) {
    const double* x = &qkv[(b * T + t) * 3 * H * D + h * 3 * D + part * D];
    if (j >= R) return x[j];
    const double other = j < R / 2 ? -x[j + R / 2] : x[j - R / 2];
    return x[j] * cosines[t * D + j] + other * sines[t * D + j];
  };
  for (int i = 0; i < B * H * T; i++) {
    const int b = i / (H * T), h = i / T % H, t = i % T;
    Doubles weights(t + 1, 0);
    double total = 0;
    for (int s = 0; s <= t; s++) {
      for (int j = 0; j < D; j++) weights[s] += turn(b, t, h, 0, j) * turn(b, s, h, 1, j) / std::sqrt(D);
      total += weights[s] = std::exp(weights[s]);
    }
    for (int s = 0; s <= t; s++) {
      for (int j = 0; j < D; j++) out[(b * T + t) * H * D + h * D + j] += weights[s] / total * qkv[(b * T + s) * 3 * H * D + h * 3 * D + 2 * D + j];
    }
  }
  return out;
}

template <int D, int R>
void attentions() {
  const int B = 2, T = 70, H = 2; // two blocks of queries
  const Doubles qkv = randoms(B * T * 3 * H * D, 16), dy = randoms(B * T * H * D, 17);
  Doubles cosines(T * D, 1), sines(T * D, 0);
  for (int i = 0; i < T * D; i++) {
    if (i % D >= R) continue;
    const double angle = static_cast<float>((i / D) * std::pow(10, -2.0 * (i % D % (R / 2)) / R));
    cosines[i] = static_cast<float>(std::cos(angle));
    sines[i] = static_cast<float>(std::sin(angle));
  }
  const Doubles expected = attended(qkv, cosines, sines, B, T, H, D, R);
  const Buffers tables = {floats(cosines), floats(sines)};
  const auto sizes = [&](double isHalf) { return Doubles{B, T, H, D, R, isHalf}; };
  Buffers dQkv;
  for (int isHalf = 0; isHalf < 2; isHalf++) {
    auto out = room(B * T * H * D), logSumExp = room(B * H * T), once = room(qkv.size()), again = room(qkv.size());
    runOn("attention", {floats(qkv), tables[0], tables[1]}, {out, logSumExp}, sizes(isHalf), 2);
    expectClose(*out, expected, "attention", isHalf ? 1e-2 : 1e-5);
    const Buffers in = {floats(dy), floats(qkv), out, logSumExp, tables[0], tables[1]};
    runOn("attentionGradient", in, {once}, sizes(isHalf), isSameForAnyThreads ? 1 : 2);
    runOn("attentionGradient", in, {again}, sizes(isHalf), 2);
    expect(downloaded(*once) == downloaded(*again), "attentionGradient: other bits the second time or with two threads");
    dQkv.push_back(once);
  }
  for (size_t place = 0; place < qkv.size(); place += qkv.size() / 50 + 1) {
    Doubles moved = qkv;
    const auto along = [&](double step) {
      moved[place] = qkv[place] + step;
      const Doubles y = attended(moved, cosines, sines, B, T, H, D, R);
      double sum = 0;
      for (size_t i = 0; i < y.size(); i++) sum += y[i] * dy[i];
      return sum;
    };
    const double slope = (along(1e-4) - along(-1e-4)) / 2e-4;
    for (int isHalf = 0; isHalf < 2; isHalf++) {
      const double error = std::fabs(downloaded(*dQkv[isHalf])[place] - slope);
      expect(error < (isHalf ? 2e-2 : 1e-5), "attentionGradient at " + std::to_string(place) + ": off by " + std::to_string(error));
    }
  }
  refused("attention", {floats(qkv), tables[0], tables[1]}, {room(B * T * H * D), room(B * H * T)}, {B, T, H, D, 5, 0});
  refused("attention", {floats(qkv), tables[0], floats({1})}, {room(B * T * H * D), room(B * H * T)}, sizes(0));
}

void optimizer() {
  const int count = 20000;
  const Doubles w = randoms(count, 18), m = randoms(count, 19), g = randoms(count, 20);
  Doubles v = randoms(count, 21), w2(count), m2(count), v2(count);
  for (double& value : v) value = std::fabs(value);
  for (int i = 0; i < count; i++) {
    const double gradient = 0.5 * g[i];
    m2[i] = 0.9 * m[i] + 0.1 * gradient;
    v2[i] = 0.95 * v[i] + 0.05 * gradient * gradient;
    w2[i] = w[i] - 0.01 * (m2[i] / 0.3 / (std::sqrt(v2[i] / 0.2) + 1e-8) + 0.1 * w[i]);
  }
  const Doubles settings = {count, 0.01, 0.9, 0.95, 1e-8, 0.1, 0.5, 0.3, 0.2};
  check("adamw", {floats(w), floats(m), floats(v), floats(g)}, settings, {w2, m2, v2});
  const Buffers state = {floats(w), floats(m), floats(v)};
  runOn("adamw", {state[0], state[1], state[2], floats(g)}, state, settings, 2);
  expectClose(*state[0], w2, "adamw in place");
}

/** Calls in order on the executor's thread; what is dropped early lives until its kernel has run. */
void queue() {
  Executor executor(table, 2);
  auto x = floats(Doubles(1000, 1));
  for (int i = 0; i < 100; i++) {
    auto next = room(1000);
    Call call{kernel("addN"), {x, x}, {next}, {1000}};
    checkCall(call, 2);
    executor.enqueueCall(std::move(call), memory);
    x = i % 10 == 9 ? floats(Doubles(1000, 1)) : next;
  }
  auto last = room(1000);
  Call call{kernel("addN"), {x, x}, {last}, {1000}};
  checkCall(call, 2);
  executor.enqueueCall(std::move(call), memory);
  std::mutex mutex;
  std::condition_variable arrived;
  bool isThere = false;
  executor.enqueue([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    isThere = true;
    arrived.notify_one();
  });
  std::unique_lock<std::mutex> lock(mutex);
  arrived.wait(lock, [&] { return isThere; });
  expectClose(*last, Doubles(1000, 2), "the last of a queue");
}

/** Sums over so many rows, for which two threads give other bits than one. By whole matrices: two slices, summed twice. */
void longSums() {
  const bool before = isSameForAnyThreads;
  isSameForAnyThreads = false;
  linears<2100, 9, 140>();
  isSameForAnyThreads = before;
}

/** Kernels that form them, in each way. */
void gradientsOfWeights() {
#ifndef TIRESIAS_CUDA
  const bool ofProcessor = wantsWholeMatrices();
  for (const bool isWhole : {!ofProcessor, ofProcessor}) { // last, and so for what comes, as the processor is
    wantsWholeMatrices() = isWhole;
#endif
    linears<150, 33, 65>();
    longSums();
    mlps();
    losses<150, 9, 70>();
    losses<150, 9, 1100>(); // several tiles
#ifndef TIRESIAS_CUDA
  }
#endif
}

void memoryRefused() {
#ifndef TIRESIAS_CUDA
  const rlimit most = {1LL << 40, RLIM_INFINITY}; // some systems promise memory that they do not have
  expect(setrlimit(RLIMIT_AS, &most) == 0, "a limit of 1 TiB can be set");
#endif
  auto huge = room(1LL << 40); // 4 TiB
  runOn("fill", {}, {huge}, {double(1LL << 40), 0}, 1);
  expect(huge->failure != nullptr && huge->failure->code == "memory", "a lack of memory is a failure of the buffer");
}

/** Tables that are tested: the CPU's by name, one a program on other devices. */
#ifdef TIRESIAS_CUDA
const char* const TESTED_LEVELS[] = {nullptr};
#else
const char* const TESTED_LEVELS[] = {"avx2", "avx512"};
#endif

} // namespace

int main(int argc, char**) {
  for (const char* level : TESTED_LEVELS) {
    try {
      table = device::start(level).table;
    } catch (const std::runtime_error& error) {
      std::printf("kernels at %s: skipped, %s\n", level == nullptr ? "any level" : level, error.what());
      continue;
    }
    numChecks = 0;
#ifndef TIRESIAS_CUDA
    isSameForAnyThreads = !wantsWholeMatrices();
#endif
    elementWise();
    extremes();
    movements();
    reductions();
    products();
    gradientsOfWeights();
    staleWeights();
    norms();
    losses<40, 5, 900000>(); // two blocks of rows
    unusualLosses();
    attentions<6, 4>();
    attentions<32, 8>();  // whole vectors, all that turns in the first
    attentions<32, 20>(); // in none
    optimizer();
    queue();
    if (argc < 2) memoryRefused(); // a sanitizer ends the process instead
    std::printf("kernels at %s: %d checks passed\n", table->level, numChecks);
  }
  return 0;
}
