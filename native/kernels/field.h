// Arithmetic modulo q in Montgomery form with R = 2^32, and the powers of the root of unity.
#pragma once

#include "dialect.h"
#include "parameters.h"

namespace aichain {

constexpr uint32_t Q_INVERSE = 58728449;  // q^-1 mod 2^32
constexpr int32_t ROOT = 1753;            // a 512th root of unity (FIPS 204, section 7.5)
constexpr int32_t INTT_SCALE = 41978;     // 2^64 / 256 mod q: takes out 1/256 and one Montgomery factor

static_assert(uint32_t(Q) * Q_INVERSE == 1, "Q_INVERSE");

// a with |a| < q/2, congruent to `a` modulo q.
AIC_FN constexpr int32_t centered(int64_t a) {
    const int64_t r = ((a % Q) + Q) % Q;
    return int32_t(r > Q / 2 ? r - Q : r);
}

AIC_FN constexpr int reversed_bits(int x) {
    int r = 0;
    for (int i = 0; i < 8; i++) r |= ((x >> i) & 1) << (7 - i);
    return r;
}


// Factor by which a Montgomery product is low, so that `b * q^-1 mod 2^32` need not be computed again.
AIC_FN constexpr int32_t times_q_inverse(int32_t b) { return int32_t(uint32_t(b) * Q_INVERSE); }

// ROOT^bitreversed(k) * 2^32 mod q, in the order in which the layers of the NTT use them.
struct Zetas {
    int32_t z[N] = {};
    int32_t zq[N] = {};
    AIC_FN constexpr Zetas() {
        int64_t powers[N] = {};
        powers[0] = 1;
        for (int i = 1; i < N; i++) powers[i] = powers[i - 1] * ROOT % Q;
        for (int k = 0; k < N; k++) {
            z[k] = centered(powers[reversed_bits(k)] * ((int64_t(1) << 32) % Q));
            zq[k] = times_q_inverse(z[k]);
        }
    }
};
AIC_TABLE Zetas ZETAS{};

}  // namespace aichain
