// The parameter sets of ML-DSA (FIPS 204, table 1 and table 2). Sizes are bytes, `*_bits` are bits.
#pragma once

#include "dialect.h"

namespace aichain {

constexpr int N = 256;           // coefficients of a polynomial
constexpr int32_t Q = 8380417;   // 2^23 - 2^13 + 1
constexpr int D = 13;            // bits dropped from t
constexpr int SEED_BYTES = 32;   // rho
constexpr int TR_BYTES = 64;     // H(pk)
constexpr int MU_BYTES = 64;     // H(tr || M')
constexpr int T1_BITS = 10;      // 23 - D
// After these blocks nearly every polynomial of A is complete: they hold 280 candidates for 256
// coefficients, of which one in 1024 is refused.
constexpr int FIRST_BLOCKS = 5;

template <int K_, int L_, int TAU_, int BETA_, int GAMMA1_BITS, int GAMMA2_DIVISOR, int OMEGA_,
          int C_BYTES_>
struct ParameterSet {
    static constexpr int K = K_;
    static constexpr int L = L_;
    static constexpr int TAU = TAU_;
    static constexpr int BETA = BETA_;
    static constexpr int OMEGA = OMEGA_;
    static constexpr int C_BYTES = C_BYTES_;
    static constexpr int32_t GAMMA1 = 1 << GAMMA1_BITS;
    static constexpr int32_t GAMMA2 = (Q - 1) / GAMMA2_DIVISOR;
    static constexpr int32_t Z_BOUND = GAMMA1 - BETA;  // every |z| is below it
    static constexpr int Z_BITS = GAMMA1_BITS + 1;
    static constexpr int W1_COUNT = GAMMA2_DIVISOR / 2;  // values of w1: 44 or 16
    static constexpr int W1_BITS = W1_COUNT == 16 ? 4 : 6;
    static constexpr int Z_BYTES = N * Z_BITS / 8;
    static constexpr int T1_BYTES = N * T1_BITS / 8;
    static constexpr int W1_BYTES = N * W1_BITS / 8;
    static constexpr int PUBLIC_KEY_BYTES = SEED_BYTES + K * T1_BYTES;
    static constexpr int SIGNATURE_BYTES = C_BYTES + L * Z_BYTES + OMEGA + K;
};

using MlDsa44 = ParameterSet<4, 4, 39, 78, 17, 88, 80, 32>;
using MlDsa65 = ParameterSet<6, 5, 49, 196, 19, 32, 55, 48>;
using MlDsa87 = ParameterSet<8, 7, 60, 120, 19, 32, 75, 64>;

static_assert(MlDsa44::PUBLIC_KEY_BYTES == 1312 && MlDsa44::SIGNATURE_BYTES == 2420, "table 2");
static_assert(MlDsa65::PUBLIC_KEY_BYTES == 1952 && MlDsa65::SIGNATURE_BYTES == 3309, "table 2");
static_assert(MlDsa87::PUBLIC_KEY_BYTES == 2592 && MlDsa87::SIGNATURE_BYTES == 4627, "table 2");

}  // namespace aichain
