// The table of one instruction set, whose lanes are included before.
#pragma once

#include "encoding.h"
#include "kernels.h"
#include "ntt.h"
#include "sponge.h"
// these use the ones above
#include "hashes.h"
#include "sampling.h"
#include "verify.h"

namespace aichain {
namespace ISA_NAMESPACE {

template <class P>
void expand_erased(const uint8_t *const *public_keys, void *const *keys, int count,
                   int first_blocks) {
    expand_keys<P>(public_keys, reinterpret_cast<ExpandedKey<P> *const *>(keys), count,
                   first_blocks);
}

template <class P> void ball_erased(const uint8_t *seed, bool from_stream, int32_t *c) {
    alignas(64) uint8_t block[SQUEEZED_BYTES];
    uint8_t *to[] = {block};
    Message message;
    message.add(seed, P::C_BYTES);
    hash_lanes<SHAKE256_RATE, SHAKE256_RATE>(&message, 1, SHAKE_PADDING, to);
    if (from_stream)
        sample_in_ball_from_stream<P>(ShakeReader(seed, P::C_BYTES), c);
    else
        sample_in_ball<P>(block, seed, c);
}

inline void multiply(const int32_t *a, const int32_t *b, int32_t *product) {
    alignas(64) int32_t x[N], y[N];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    ntt(x);
    ntt(y);
    for (int i = 0; i < N; i += W) {
        Wide sum = Wide::zero();
        sum.add_product(Factor::of(I32::load(x + i)), Factor::of(I32::load(y + i)));
        sum.reduced().store(product + i);
    }
    inverse_ntt(product);
}

template <class P>
void verify_erased(const void *const *keys, const Request *requests, int count,
                   uint8_t *verdicts) {
    verify_lanes<P>(reinterpret_cast<const ExpandedKey<P> *const *>(keys), requests, count,
                    verdicts);
}

template <class P> constexpr KernelsOfSet kernels_of_set() {
    return {P::PUBLIC_KEY_BYTES, P::SIGNATURE_BYTES, sizeof(ExpandedKey<P>), expand_erased<P>,
            verify_erased<P>,    ball_erased<P>,     P::C_BYTES};
}

constexpr Kernels kernels(const char *name) {
    return {name,
            U64::WIDTH,
            {kernels_of_set<MlDsa44>(), kernels_of_set<MlDsa65>(), kernels_of_set<MlDsa87>()},
            blake3_many,
            sha3_many,
            multiply};
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
