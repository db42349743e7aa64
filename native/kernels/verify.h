// Verification (FIPS 204, algorithm 8), many signatures at once: hashes one in each lane,
// polynomials of one signature after the other.
#pragma once

#include <stdlib.h>

#include "expanded_key.h"
#include "request.h"

namespace aichain {
namespace ISA_NAMESPACE {

// Expands keys: the polynomials of A from all keys share the lanes, so one key alone uses them, too.
template <class P>
inline void expand_keys(const uint8_t *const *public_keys, ExpandedKey<P> *const *keys, int count,
                        int blocks) {
    constexpr int LANES = U64::WIDTH;
    UniformJob jobs[LANES * P::K * P::L];
    for (int first = 0; first < count; first += LANES) {
        const int lanes = count - first < LANES ? count - first : LANES;
        Message messages[LANES];
        uint8_t *tr[LANES];
        int n = 0;
        for (int i = 0; i < lanes; i++) {
            ExpandedKey<P> &key = *keys[first + i];
            const uint8_t *bytes = public_keys[first + i];
            for (int row = 0; row < P::K; row++)
                for (int column = 0; column < P::L; column++)
                    jobs[n++] = {bytes, row, column, key.a[row][column]};
            messages[i].add(bytes, P::PUBLIC_KEY_BYTES);
            tr[i] = key.tr;
        }
        sample_uniform_many(jobs, n, blocks);
        hash_lanes<SHAKE256_RATE, TR_BYTES>(messages, lanes, SHAKE_PADDING, tr);
        for (int i = 0; i < lanes; i++)
            for (int row = 0; row < P::K; row++) {
                uint8_t padded[P::T1_BYTES + 16];
                memcpy(padded, public_keys[first + i] + SEED_BYTES + row * P::T1_BYTES, P::T1_BYTES);
                int32_t *t1 = keys[first + i]->t1[row];
                for (int j = 0; j < N; j += W)
                    (I32::broadcast(0) - decode_t1_at(padded, j)).store(t1 + j);
                ntt(t1);
            }
    }
}

// w1 from the signature: UseHint(h, A z - c t1 2^d), in bytes. False if z or h is not in range.
template <class P>
inline bool recover_w1(const ExpandedKey<P> &key, const uint8_t *signature, int32_t *c,
                       uint8_t *w1) {
    alignas(64) int32_t z[P::L][N];
    alignas(64) int32_t w[P::K][N];
    alignas(64) uint8_t high[P::K][N];
    const uint8_t *z_bytes = signature + P::C_BYTES, *hints = z_bytes + P::L * P::Z_BYTES;
    if (!read_hints<P>(hints, [](int, int) {})) return false;
    for (int i = 0; i < P::L; i++)
        if (!decode_z<P>(z_bytes + i * P::Z_BYTES, z[i])) return false;
    for (int i = 0; i < P::L; i++) ntt(z[i]);
    ntt(c);
    // |z|, |c|, |t1| < 9 q and |A| < q, so that a sum is below (9 L + 81) q^2 < q 2^31.
    static_assert(int64_t(9 * P::L + 81) * Q < (int64_t(1) << 31), "Montgomery's bound");
    for (int i = 0; i < N; i += W) {
        Factor factors[P::L];
#pragma GCC unroll 8
        for (int j = 0; j < P::L; j++) factors[j] = Factor::of(I32::load(z[j] + i));
        const Factor challenge = Factor::of(I32::load(c + i));
        for (int row = 0; row < P::K; row++) {
            Wide sum = Wide::zero();
            sum.add_product(Factor::of(I32::load(key.t1[row] + i)), challenge);
#pragma GCC unroll 8
            for (int j = 0; j < P::L; j++)
                sum.add_product(Factor::of(I32::load(key.a[row][j] + i)), factors[j]);
            sum.reduced().store(w[row] + i);
        }
    }
    for (int row = 0; row < P::K; row++) {
        inverse_ntt(w[row]);
        for (int i = 0; i < N; i += W) {
            const I32 r = to_positive(I32::load(w[row] + i));
            r.store(w[row] + i);
            high_bits<P>(r).store_bytes(high[row] + i);
        }
    }
    read_hints<P>(hints, [&](int row, int place) {
        high[row][place] = uint8_t(use_hint<P>(w[row][place], high[row][place]));
    });
    for (int row = 0; row < P::K; row++) encode_w1<P>(high[row], w1 + row * P::W1_BYTES);
    return true;
}

// One verdict a request; at most one request for each lane of the hash.
template <class P>
inline void verify_lanes(const ExpandedKey<P> *const *keys, const Request *requests, int count,
                         uint8_t *verdicts) {
    constexpr int LANES = U64::WIDTH;
    alignas(64) uint8_t ball[LANES][SQUEEZED_BYTES];
    uint8_t mu_and_w1[LANES][MU_BYTES + P::K * P::W1_BYTES];
    alignas(64) int32_t c[N];
    Message messages[LANES], seeds[LANES];
    uint8_t *to_mu[LANES], *to_ball[LANES];
    for (int i = 0; i < count; i++) {
        const Request &request = requests[i];
        messages[i].add(keys[i]->tr, TR_BYTES);
        messages[i].add(request.prefix, request.prefix_size);
        messages[i].add(request.context, request.context_size);
        messages[i].add(request.message, request.message_size);
        seeds[i].add(request.signature, P::C_BYTES);
        to_mu[i] = mu_and_w1[i];
        to_ball[i] = ball[i];
    }
    hash_lanes<SHAKE256_RATE, MU_BYTES>(messages, count, SHAKE_PADDING, to_mu);
    hash_lanes<SHAKE256_RATE, SHAKE256_RATE>(seeds, count, SHAKE_PADDING, to_ball);
    for (int i = 0; i < count; i++) {
        sample_in_ball<P>(ball[i], requests[i].signature, c);
        uint8_t *w1 = mu_and_w1[i] + MU_BYTES;
        verdicts[i] = recover_w1<P>(*keys[i], requests[i].signature, c, w1);
        messages[i] = Message();
        messages[i].add(mu_and_w1[i], verdicts[i] ? sizeof mu_and_w1[i] : 0);
    }
    uint8_t *to_seed[LANES];
    for (int i = 0; i < count; i++) to_seed[i] = ball[i];
    hash_lanes<SHAKE256_RATE, P::C_BYTES>(messages, count, SHAKE_PADDING, to_seed);
    for (int i = 0; i < count; i++)
        verdicts[i] &= memcmp(ball[i], requests[i].signature, P::C_BYTES) == 0;
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
