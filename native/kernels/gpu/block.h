// The lanes that work together on one thing, and the barrier between the phases of their work.
//
// A kernel is a value that holds its arguments: `run(block)` calls `block.phase(f)`, which calls
// `f(lane)` for every lane and returns when all are done. On a GPU a block is a block of threads; in
// the emulation the lanes take turns, forwards or backwards. Lanes share nothing but memory and talk
// only across the end of a phase, so that both must give the same.
#pragma once

#include "../dialect.h"

namespace aichain {
namespace gpu {

constexpr int THREADS = 128;  // lanes of a block in kernels whose lanes work alone

struct Nothing {};

#if defined(__CUDACC__)

template <class Shared> struct Block {
    Shared &shared;
    uint64_t index;

    template <class Phase> AIC_FN void phase(Phase phase) {
        phase(int(threadIdx.x));
        __syncthreads();
    }
};

AIC_FN void set_bits(uint32_t *word, uint32_t bits) { atomicOr(word, bits); }

#else

template <class Shared> struct Block {
    Shared &shared;
    uint64_t index;
    int lanes;
    bool is_backwards;

    template <class Phase> void phase(Phase phase) {
        for (int i = 0; i < lanes; i++) phase(is_backwards ? lanes - 1 - i : i);
    }
};

inline void set_bits(uint32_t *word, uint32_t bits) { *word |= bits; }

#endif

// Calls `work(number)` in one lane for each number below `count`.
template <class Work> AIC_FN void each(Block<Nothing> block, uint64_t count, Work work) {
    block.phase([&](int lane) {
        const uint64_t number = block.index * THREADS + uint64_t(lane);
        if (number < count) work(number);
    });
}

}  // namespace gpu
}  // namespace aichain
