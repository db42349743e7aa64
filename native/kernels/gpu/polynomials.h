// Polynomials whose coefficients 64 lanes share: each holds four and does two layers of the
// transform on them before the lanes exchange.
#pragma once

#include "../encoding.h"
#include "../ntt.h"

namespace aichain {
namespace gpu {

constexpr int POLYNOMIAL_LANES = N / 4;

// Four coefficients of one lane.
struct alignas(16) Four {
    I32 v[4];
};

// They stand STEP apart. Layers of LENGTH and LENGTH / 2 take those that are LENGTH / 2 apart.
template <int STEP> AIC_FN int first_place(int lane) {
    return lane / STEP * 4 * STEP + lane % STEP;
}

template <int STEP> AIC_FN Four load_four(const int32_t *polynomial, int lane) {
    const int32_t *p = polynomial + first_place<STEP>(lane);
    if constexpr (STEP == 1) {
        return *reinterpret_cast<const Four *>(p);
    } else {
        Four four;
        for (int i = 0; i < 4; i++) four.v[i] = I32::load(p + i * STEP);
        return four;
    }
}

template <int STEP> AIC_FN void store_four(const Four &four, int32_t *polynomial, int lane) {
    int32_t *p = polynomial + first_place<STEP>(lane);
    if constexpr (STEP == 1)
        *reinterpret_cast<Four *>(p) = four;
    else
        for (int i = 0; i < 4; i++) four.v[i].store(p + i * STEP);
}

AIC_FN I32 times_zeta(I32 a, int k) { return multiply_broadcast(a, ZETAS.z[k], ZETAS.zq[k]); }

// Layers of lengths 2 STEP and STEP of the transform (algorithm 41).
template <int STEP> AIC_FN void two_layers(Four &a, int lane) {
    constexpr int BLOCKS = N / 4 / STEP;
    const int block = lane / STEP, k = BLOCKS + block;
    butterfly(a.v[0], a.v[2], times_zeta(a.v[2], k));
    butterfly(a.v[1], a.v[3], times_zeta(a.v[3], k));
    butterfly(a.v[0], a.v[1], times_zeta(a.v[1], 2 * k));
    butterfly(a.v[2], a.v[3], times_zeta(a.v[3], 2 * k + 1));
}

AIC_FN void inverse_butterfly(I32 &a, I32 &b, int k) {
    const I32 difference = b - a;
    a = a + b;
    b = times_zeta(difference, k);
}

// The same of the inverse (algorithm 42), in the opposite order.
template <int STEP> AIC_FN void two_layers_inverse(Four &a, int lane) {
    constexpr int BLOCKS = N / 4 / STEP;
    const int block = lane / STEP, k = 2 * BLOCKS - 1 - block;
    inverse_butterfly(a.v[0], a.v[1], 2 * k + 1);
    inverse_butterfly(a.v[2], a.v[3], 2 * k);
    inverse_butterfly(a.v[0], a.v[2], k);
    inverse_butterfly(a.v[1], a.v[3], k);
}

// One phase of a transform in memory that the lanes share.
template <int STEP> AIC_FN void transform(int32_t *polynomial, int lane) {
    Four four = load_four<STEP>(polynomial, lane);
    two_layers<STEP>(four, lane);
    store_four<STEP>(four, polynomial, lane);
}

template <int STEP> AIC_FN void transform_inverse(int32_t *polynomial, int lane) {
    Four four = load_four<STEP>(polynomial, lane);
    two_layers_inverse<STEP>(four, lane);
    store_four<STEP>(four, polynomial, lane);
}

}  // namespace gpu
}  // namespace aichain
