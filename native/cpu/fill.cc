// One value everywhere, of any type.
#include "loops.h"

namespace TIRESIAS_LEVEL {

void fill(const Arguments& a) {
  const i64 count = size(a, 0);
  const double value = a.numbers[1];
  if (a.out[0].dtype == Dtype::boolean) {
    memset(a.out[0].data, value != 0, count);
  } else if (a.out[0].dtype == Dtype::int32) {
    for (i64 i = 0; i < count; i++) ((int32_t*)a.out[0].data)[i] = (int32_t)value;
  } else {
    for (i64 i = 0; i < count; i++) ((float*)a.out[0].data)[i] = (float)value;
  }
}

} // namespace TIRESIAS_LEVEL
