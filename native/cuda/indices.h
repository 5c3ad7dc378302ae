// Ids and labels are values, so they are looked at on the card; whether all are good is waited for, because what follows would read by them.
#pragma once
#include "../kernels.h"
#include "stream.h"

namespace gpu {

/** Says which index is out of bounds, the first there is. True when all are good. */
bool checkIndices(const Arguments& a, const std::int32_t* indices, i64 count, i64 limit, const char* what);

} // namespace gpu
