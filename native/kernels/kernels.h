// What each instruction set offers, behind function pointers: chosen when the program runs.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "parameters.h"
#include "request.h"

namespace aichain {

constexpr int PARAMETER_SETS = 3;  // ML-DSA-44, -65, -87

struct KernelsOfSet {
    size_t public_key_bytes;
    size_t signature_bytes;
    size_t expanded_key_bytes;  // aligned to 64
    // A is taken from `first_blocks` blocks of each stream, or is begun again if they do not suffice.
    void (*expand_keys)(const uint8_t *const *public_keys, void *const *keys, int count,
                        int first_blocks);
    // At most `lanes` requests.
    void (*verify)(const void *const *keys, const Request *requests, int count, uint8_t *verdicts);
    // For tests: the challenge of a seed, from its first block or from a stream.
    void (*sample_in_ball)(const uint8_t *seed, bool from_stream, int32_t *c);
    int challenge_bytes;
};

struct Kernels {
    const char *name;
    int lanes;  // signatures at once
    KernelsOfSet sets[PARAMETER_SETS];
    // BLAKE3 of messages of up to 1,024 bytes under a key, or in another mode of the paper.
    void (*blake3_many)(const uint8_t *const *messages, const size_t *sizes, size_t count,
                        const uint32_t *key, uint32_t mode, uint8_t *digests);
    // SHA3-256 with padding 0x06, Keccak-256 with 0x01; messages of any size.
    void (*sha3_many)(const uint8_t *const *messages, const size_t *sizes, size_t count,
                      uint8_t padding, uint8_t *digests);
    // For tests: the product of two polynomials with coefficients below 2^23, modulo q.
    void (*multiply)(const int32_t *a, const int32_t *b, int32_t *product);
};

extern const Kernels PORTABLE_KERNELS;
#if defined(__x86_64__)
extern const Kernels AVX2_KERNELS;
extern const Kernels AVX512_KERNELS;
#endif

}  // namespace aichain
