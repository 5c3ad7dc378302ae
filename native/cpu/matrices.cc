// See matrices.h. dnnl_sgemm is within ten per cent of the matmul primitive at the models' shapes (Zen 4, two threads) and needs no primitive per shape; packed
// bf16 weights will need the primitive.
#include "matrices.h"
#include <dnnl.h>
#include <omp.h>
#include <cstdio>
#include <cstdlib>

namespace {

/** Multiplications below which waking threads costs more than it saves. */
constexpr std::int64_t ALONE = 1 << 18;

/** Lets the products of its scope run on the calling thread where they are small. */
class Team {
public:
  explicit Team(std::int64_t numMultiplications) : before(omp_get_max_threads()) {
    if (numMultiplications < ALONE) omp_set_num_threads(1);
  }
  ~Team() { omp_set_num_threads(before); }

private:
  const int before;
};

} // namespace

void multiply(std::int64_t m, std::int64_t n, std::int64_t k, Matrix a, Matrix b, float* c, std::int64_t cStride, bool adds) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (adds) return;
    for (std::int64_t i = 0; i < m; i++) {
      for (std::int64_t j = 0; j < n; j++) c[i * cStride + j] = 0;
    }
    return;
  }
  const Team team(m * n * k);
  const dnnl_status_t status = dnnl_sgemm(a.isTransposed ? 'T' : 'N', b.isTransposed ? 'T' : 'N', m, n, k, 1.0f, a.data, a.stride,
                                          b.data, b.stride, adds ? 1.0f : 0.0f, c, cStride);
  if (status != dnnl_success) { // sizes were checked: only a lack of memory is left
    std::fprintf(stderr, "tiresias: oneDNN's product of %lld × %lld × %lld failed with status %d\n", (long long)m, (long long)n, (long long)k, (int)status);
    std::abort();
  }
}
