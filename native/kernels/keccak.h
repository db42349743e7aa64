// Keccak-f[1600] (FIPS 202, section 3) on as many states at once as `V` has lanes.
#pragma once

#include "dialect.h"
#include "word.h"

namespace aichain {
namespace ISA_NAMESPACE {

AIC_CONSTANT uint64_t ROUND_CONSTANTS[24] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000,
    0x000000000000808b, 0x0000000080000001, 0x8000000080008081, 0x8000000000008009,
    0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
    0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003,
    0x8000000000008002, 0x8000000000000080, 0x000000000000800a, 0x800000008000000a,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008};

// Offsets of rho by lane x + 5 y.
constexpr int ROTATIONS[25] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                               25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};

// pi moves lanes around. Instead, each row is written to where its lanes were read, within their
// columns, and found again by this: where lane (x, y) stands after `round` rounds. After four
// rounds all are in their places.
AIC_FN constexpr int place(int round, int x, int y) {
    for (; round > 0; round--) y = (x + 2 * y) % 5;
    return x + 5 * y;
}
static_assert(place(4, 1, 0) == 1 && place(4, 3, 2) == 13, "four rounds are a cycle");

// theta's sums of column X.
template <int R, int X, class V> AIC_FN V column(const V *a) {
    return V::xor3(V::xor3(a[place(R, X, 0)], a[place(R, X, 1)], a[place(R, X, 2)]),
                     a[place(R, X, 3)], a[place(R, X, 4)]);
}

// The lane that pi brings to (X, Y), with theta and rho applied.
template <int R, int X, int Y, class V> AIC_FN V moved(const V *a, const V *d) {
    constexpr int FROM_X = (X + 3 * Y) % 5, FROM_Y = X;
    const V lane = a[place(R, FROM_X, FROM_Y)] ^ d[FROM_X];
    return lane.template rotated_left<ROTATIONS[FROM_X + 5 * FROM_Y]>();
}

// chi in row Y.
template <int R, int Y, class V> AIC_INLINE void row(V *a, const V *d) {
    const V b0 = moved<R, 0, Y>(a, d), b1 = moved<R, 1, Y>(a, d), b2 = moved<R, 2, Y>(a, d),
              b3 = moved<R, 3, Y>(a, d), b4 = moved<R, 4, Y>(a, d);
    a[place(R + 1, 0, Y)] = V::chi(b0, b1, b2);
    a[place(R + 1, 1, Y)] = V::chi(b1, b2, b3);
    a[place(R + 1, 2, Y)] = V::chi(b2, b3, b4);
    a[place(R + 1, 3, Y)] = V::chi(b3, b4, b0);
    a[place(R + 1, 4, Y)] = V::chi(b4, b0, b1);
}

template <int R, class V> AIC_INLINE void keccak_round(V *a, uint64_t constant) {
    const V c0 = column<R, 0>(a), c1 = column<R, 1>(a), c2 = column<R, 2>(a),
              c3 = column<R, 3>(a), c4 = column<R, 4>(a);
    const V d[5] = {c4 ^ c1.template rotated_left<1>(), c0 ^ c2.template rotated_left<1>(),
                      c1 ^ c3.template rotated_left<1>(), c2 ^ c4.template rotated_left<1>(),
                      c3 ^ c0.template rotated_left<1>()};
    row<R, 0>(a, d);
    row<R, 1>(a, d);
    row<R, 2>(a, d);
    row<R, 3>(a, d);
    row<R, 4>(a, d);
    a[0] = a[0] ^ V::broadcast(constant);  // iota: lane (0, 0) never moves
}

// All 24 rounds, in place.
template <class V> AIC_FN void keccak_f(V *state) {
    V a[25];
    AIC_UNROLL  // a loop would become a copy in memory, and the rounds would work there
    for (int i = 0; i < 25; i++) a[i] = state[i];
    for (int i = 0; i < 24; i += 4) {
        keccak_round<0>(a, ROUND_CONSTANTS[i]);
        keccak_round<1>(a, ROUND_CONSTANTS[i + 1]);
        keccak_round<2>(a, ROUND_CONSTANTS[i + 2]);
        keccak_round<3>(a, ROUND_CONSTANTS[i + 3]);
    }
    AIC_UNROLL
    for (int i = 0; i < 25; i++) state[i] = a[i];
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
