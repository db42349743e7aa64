// Public keys made ready for many signatures: what of them does not depend on what was signed.
#pragma once

#include "../expanded_key.h"
#include "../sampling.h"
#include "block.h"
#include "polynomials.h"

namespace aichain {
namespace gpu {

// The matrix A (algorithm 32): one polynomial a lane, from as many blocks as it takes.
template <class P> struct SampleMatrix {
    static constexpr int LANES = THREADS, STREAMS = P::K * P::L;
    using Shared = Nothing;
    const uint8_t *public_keys;
    ExpandedKey<P> *const *keys;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count * STREAMS, [this](uint64_t number) {
            const uint64_t key = number / STREAMS;
            const int row = int(number % STREAMS) / P::L, column = int(number % STREAMS) % P::L;
            sample_uniform_from_stream(public_keys + key * P::PUBLIC_KEY_BYTES, row, column,
                                       keys[key]->a[row][column]);
        });
    }
};

// tr = H(pk): one key a lane.
template <class P> struct HashKeys {
    static constexpr int LANES = THREADS;
    using Shared = Nothing;
    const uint8_t *public_keys;
    ExpandedKey<P> *const *keys;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        each(block, count, [this](uint64_t number) {
            Message message;
            message.add(public_keys + number * P::PUBLIC_KEY_BYTES, P::PUBLIC_KEY_BYTES);
            uint8_t *tr = keys[number]->tr;
            hash_lanes<SHAKE256_RATE, TR_BYTES>(&message, 1, SHAKE_PADDING, &tr);
        });
    }
};

// -t1 2^13, transformed: one key a block.
template <class P> struct TransformT1 {
    static constexpr int LANES = POLYNOMIAL_LANES;
    struct Shared {
        alignas(16) int32_t t1[P::K][N];
    };
    const uint8_t *public_keys;
    ExpandedKey<P> *const *keys;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        auto &t1 = block.shared.t1;
        const uint8_t *bytes = public_keys + block.index * P::PUBLIC_KEY_BYTES + SEED_BYTES;
        ExpandedKey<P> &key = *keys[block.index];
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++) {
                Four four;
                for (int i = 0; i < 4; i++)
                    four.v[i] = I32::broadcast(0) -
                                decode_t1_at(bytes + row * P::T1_BYTES, lane + 64 * i);
                two_layers<64>(four, lane);
                store_four<64>(four, t1[row], lane);
            }
        });
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++) transform<16>(t1[row], lane);
        });
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++) transform<4>(t1[row], lane);
        });
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++) {
                Four four = load_four<1>(t1[row], lane);
                two_layers<1>(four, lane);
                store_four<1>(four, key.t1[row], lane);
            }
        });
    }
};

}  // namespace gpu
}  // namespace aichain
