// Batches of hashes of any number of messages, for the table of an instruction set.
#pragma once

#include "dialect.h"
#include "blake3.h"
#include "sponge.h"

namespace aichain {
namespace ISA_NAMESPACE {

// Digests stand side by side in `out`.
AIC_FN void blake3_many(const uint8_t *const *messages, const size_t *sizes, size_t count,
                        const uint32_t *key, uint32_t mode, uint8_t *out) {
    for (size_t first = 0; first < count; first += size_t(W)) {
        const size_t n = count - first < size_t(W) ? count - first : size_t(W);
        blake3_lanes(messages + first, sizes + first, int(n), key, mode,
                     out + DIGEST_BYTES * first);
    }
}

// SHA3-256 and Keccak-256 differ in their padding.
AIC_FN void sha3_many(const uint8_t *const *messages, const size_t *sizes, size_t count,
                      uint8_t padding, uint8_t *out) {
    constexpr size_t LANES = size_t(U64::WIDTH);
    for (size_t first = 0; first < count; first += LANES) {
        const size_t n = count - first < LANES ? count - first : LANES;
        Message lanes[LANES];
        uint8_t *to[LANES];
        for (size_t i = 0; i < n; i++) {
            lanes[i].add(messages[first + i], sizes[first + i]);
            to[i] = out + DIGEST_BYTES * (first + i);
        }
        hash_lanes<SHAKE256_RATE, DIGEST_BYTES>(lanes, int(n), padding, to);
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
