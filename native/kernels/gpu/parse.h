// What of a signature is one hash after the other: its message, its challenge, its hints' order.
#pragma once

#include "../encoding.h"
#include "../expanded_key.h"
#include "../sampling.h"
#include "block.h"

namespace aichain {
namespace gpu {

// One signature a lane. `verdicts` says of which ones there is more to do.
template <class P> struct Parse {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *signatures;
    const ExpandedKey<P> *const *keys;
    const uint8_t *messages;   // M', side by side
    const uint32_t *ends;      // where each ends
    const uint8_t *is_hashed;  // whether it is mu that stands there, hashed by the host
    uint8_t *mu;               // 64 bytes each
    int32_t *challenges;       // polynomials
    uint8_t *verdicts;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        block.phase([&](int lane) {  // zeros side by side, so that lanes write whole lines
            const uint64_t first = block.index * LANES, end = first + LANES;
            const uint64_t stop = (end < count ? end : count) * N;
            for (uint64_t i = first * N + uint64_t(lane); i < stop; i += LANES) challenges[i] = 0;
        });
        each(block, count, [this](uint64_t number) {
            const uint8_t *signature = signatures + number * P::SIGNATURE_BYTES;
            const uint8_t *hints = signature + P::C_BYTES + P::L * P::Z_BYTES;
            verdicts[number] = read_hints<P>(hints, [](int, int) {});
            if (!verdicts[number]) return;
            const uint32_t start = number == 0 ? 0 : ends[number - 1];
            uint8_t *to = mu + number * MU_BYTES;
            if (is_hashed[number]) {
                memcpy(to, messages + start, MU_BYTES);
            } else {
                Message message;
                message.add(keys[number]->tr, TR_BYTES);
                message.add(messages + start, ends[number] - start);
                hash_lanes<SHAKE256_RATE, MU_BYTES>(&message, 1, SHAKE_PADDING, &to);
            }
            sample_in_ball_of_zeros<P>(ShakeReader(signature, P::C_BYTES), challenges + number * N);
        });
    }
};

// The last step: whether the hash of mu and w1 is the challenge. One signature a lane.
template <class P> struct Compare {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *signatures;
    const uint8_t *mu;
    const uint8_t *w1;
    uint8_t *verdicts;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count, [this](uint64_t number) {
            if (!verdicts[number]) return;
            const uint8_t *signature = signatures + number * P::SIGNATURE_BYTES;
            Message message;
            message.add(mu + number * MU_BYTES, MU_BYTES);
            message.add(w1 + number * P::K * P::W1_BYTES, P::K * P::W1_BYTES);
            uint8_t digest[P::C_BYTES];
            uint8_t *to = digest;
            hash_lanes<SHAKE256_RATE, P::C_BYTES>(&message, 1, SHAKE_PADDING, &to);
            uint8_t difference = 0;
            for (int i = 0; i < P::C_BYTES; i++) difference |= digest[i] ^ signature[i];
            verdicts[number] = difference == 0;
        });
    }
};

}  // namespace gpu
}  // namespace aichain
