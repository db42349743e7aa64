// Who signed each of many groups of votes, and with how much stake.
#pragma once

#include "block.h"

namespace aichain {
namespace gpu {

// A bit for each signer with a valid vote: one vote a lane. Two votes of one signer set one bit.
struct MarkVotes {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *verdicts;
    const uint32_t *groups;
    const uint32_t *signers;
    uint32_t *bitmaps;  // `words` for each group, the lowest bit first
    uint64_t words;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count, [this](uint64_t number) {
            const uint32_t signer = signers[number];
            if (verdicts[number])
                set_bits(bitmaps + groups[number] * words + signer / 32, 1u << signer % 32);
        });
    }
};

// The stake of those bits: one group a block. The host has seen that all stakes together fit.
struct SumStakes {
    static constexpr int LANES = 64;
    struct Shared {
        uint64_t sums[LANES];
    };
    const uint32_t *bitmaps;
    const uint64_t *stakes;  // one for each bit
    uint64_t *totals;        // one for each group
    uint64_t words;

    AIC_FN void run(Block<Shared> block) const {
        const uint32_t *bitmap = bitmaps + block.index * words;
        block.phase([&](int lane) {
            uint64_t sum = 0;
            for (uint64_t word = uint64_t(lane); word < words; word += LANES)
                for (int bit = 0; bit < 32; bit++)
                    if (bitmap[word] >> bit & 1) sum += stakes[32 * word + bit];
            block.shared.sums[lane] = sum;
        });
        block.phase([&](int lane) {
            if (lane != 0) return;
            uint64_t sum = 0;
            for (int i = 0; i < LANES; i++) sum += block.shared.sums[i];
            totals[block.index] = sum;
        });
    }
};

}  // namespace gpu
}  // namespace aichain
