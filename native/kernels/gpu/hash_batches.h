// Hashes of many messages, and the levels of a Merkle tree: one digest a lane.
#pragma once

#include "../blake3.h"
#include "../sponge.h"
#include "block.h"

namespace aichain {
namespace gpu {

// Keyed BLAKE3 of messages of up to 1,024 bytes.
struct HashBlake3 {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *messages;  // side by side
    const uint32_t *ends;     // where each ends
    const uint32_t *key;
    uint8_t *digests;
    uint64_t mode;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count, [this](uint64_t number) {
            const uint32_t start = number == 0 ? 0 : ends[number - 1];
            const uint8_t *message = messages + start;
            const size_t size = ends[number] - start;
            uint8_t *to = digests + number * DIGEST_BYTES;
            blake3_lanes(&message, &size, 1, key, uint32_t(mode), to);
        });
    }
};

// SHA3-256 with padding 0x06, Keccak-256 with 0x01.
struct HashSha3 {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *messages;
    const uint32_t *ends;
    uint8_t *digests;
    uint64_t padding;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count, [this](uint64_t number) {
            const uint32_t start = number == 0 ? 0 : ends[number - 1];
            Message message;
            message.add(messages + start, ends[number] - start);
            uint8_t *to = digests + number * DIGEST_BYTES;
            hash_lanes<SHAKE256_RATE, DIGEST_BYTES>(&message, 1, uint8_t(padding), &to);
        });
    }
};

// The next level of a tree: the parents of pairs, and an odd one as it is.
struct FoldPairs {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *digests;
    const uint32_t *key;
    uint8_t *parents;
    uint64_t mode;
    uint64_t count;  // of digests

    AIC_FN void run(Block<Shared> block) const {
        each(block, (count + 1) / 2, [this](uint64_t number) {
            const uint8_t *pair = digests + number * 2 * DIGEST_BYTES;
            uint8_t *to = parents + number * DIGEST_BYTES;
            if (2 * number + 1 == count) {
                memcpy(to, pair, DIGEST_BYTES);
            } else {
                const size_t size = 2 * DIGEST_BYTES;
                blake3_lanes(&pair, &size, 1, key, uint32_t(mode), to);
            }
        });
    }
};

}  // namespace gpu
}  // namespace aichain
