// The blocks of a kernel on a processor, one lane after the other, phase by phase.
#pragma once

#include <string.h>

#include <memory>
#include <new>

#include "block.h"

namespace aichain {
namespace gpu {

// False if there is no memory for what the lanes share.
template <class Kernel>
bool run_blocks(const Kernel &kernel, uint64_t blocks, bool is_backwards) {
    using Shared = typename Kernel::Shared;
    const std::unique_ptr<Shared> shared(new (std::nothrow) Shared);
    if (shared == nullptr) return false;
    for (uint64_t i = 0; i < blocks; i++) {
        const uint64_t index = is_backwards ? blocks - 1 - i : i;
        memset(static_cast<void *>(shared.get()), 0xa5, sizeof(Shared));  // as a GPU leaves it: used
        kernel.run(Block<Shared>{*shared, index, Kernel::LANES, is_backwards});
    }
    return true;
}

}  // namespace gpu
}  // namespace aichain
