// What the parts of a key and of a signature are in bytes (FIPS 204, section 7.1 and 7.2).
#pragma once

#include "dialect.h"

namespace aichain {
namespace ISA_NAMESPACE {

// W coefficients of z (algorithm 19) from number `index` on, and those as large as gamma1 - beta.
template <class P> AIC_FN I32 decode_z_at(const uint8_t *bytes, int index) {
    return I32::broadcast(P::GAMMA1) - I32::unpack<P::Z_BITS>(bytes, index);
}
template <class P> AIC_FN I32 is_too_large(I32 z) {
    return I32::abs(z) > I32::broadcast(P::Z_BOUND - 1);
}

// All of them; false if one is too large.
template <class P> AIC_FN bool decode_z(const uint8_t *bytes, int32_t *z) {
    I32 too_large = I32::broadcast(0);
    for (int i = 0; i < N; i += W) {
        const I32 x = decode_z_at<P>(bytes, i);
        too_large = too_large | is_too_large<P>(x);
        x.store(z + i);
    }
    return !I32::any(too_large);
}

// Calls `mark(row, place)` for each hint (algorithm 21). False for all but the one encoding of each.
template <class P, class Mark> AIC_FN bool read_hints(const uint8_t *bytes, Mark mark) {
    int index = 0;
    for (int i = 0; i < P::K; i++) {
        const int end = bytes[P::OMEGA + i];
        if (end < index || end > P::OMEGA) return false;
        for (const int first = index; index < end; index++) {
            if (index > first && bytes[index] <= bytes[index - 1]) return false;
            mark(i, bytes[index]);
        }
    }
    for (; index < P::OMEGA; index++)
        if (bytes[index] != 0) return false;
    return true;
}

// t1 2^13 (algorithm 23, and line 9 of algorithm 8).
AIC_FN I32 decode_t1_at(const uint8_t *bytes, int index) {
    return I32::unpack<T1_BITS>(bytes, index) * I32::broadcast(1 << D);
}

// From (-q, q) to [0, q).
AIC_FN I32 to_positive(I32 r) { return I32::lower(r, r + I32::broadcast(Q)); }

// The high bits of r in [0, q) (algorithm 36).
template <class P> AIC_FN I32 high_bits(I32 r) {
    const I32 x = (r + I32::broadcast(127)).template shifted_right<7>();
    if constexpr (P::W1_COUNT == 16) {
        const I32 y = x * I32::broadcast(1025) + I32::broadcast(1 << 21);
        return y.template shifted_right<22>() & I32::broadcast(15);
    } else {
        const I32 y = x * I32::broadcast(11275) + I32::broadcast(1 << 23);
        const I32 high = y.template shifted_right<24>();
        return high - (high & (high > I32::broadcast(43)));
    }
}

// The high bits of r where there is a hint (algorithm 40). One by one: there are few hints.
template <class P> AIC_FN int use_hint(int32_t r, int high) {
    int32_t low = r - high * 2 * P::GAMMA2;
    if (low > (Q - 1) / 2) low -= Q;
    if (low > 0) return high == P::W1_COUNT - 1 ? 0 : high + 1;
    return high == 0 ? P::W1_COUNT - 1 : high - 1;
}

// Packs eight bytes of 4 or 6 bits each into as many bytes as a value has bits.
template <class P> AIC_FN void encode_eight(const uint8_t *values, uint8_t *out) {
    uint64_t x;
    memcpy(&x, values, 8);
    if constexpr (P::W1_BITS == 4) {
        x = (x | x >> 4) & 0x00ff00ff00ff00ff;
        x = (x | x >> 8) & 0x0000ffff0000ffff;
        x = x | x >> 16;
    } else {
        x = (x & 0x00ff00ff00ff00ff) | (x & 0xff00ff00ff00ff00) >> 2;
        x = (x & 0x0000ffff0000ffff) | (x & 0xffff0000ffff0000) >> 4;
        x = (x & 0x00000000ffffffff) | (x & 0xffffffff00000000) >> 8;
    }
    memcpy(out, &x, P::W1_BITS);
}

// The high bits of a polynomial (algorithm 28).
template <class P> AIC_FN void encode_w1(const uint8_t *values, uint8_t *out) {
    if constexpr (P::W1_BITS == 4) {
        for (int i = 0; i < N; i += 4 * W) {  // four values a lane
            const I32 x = I32::load_bytes(values + i), pairs = x | x.template shifted_right<4>();
            const I32 low = pairs & I32::broadcast(0xff);
            const I32 high = pairs.template shifted_right<8>() & I32::broadcast(0xff00);
            (low | high).store_halves(out + i / 2);
        }
    } else {
        for (int i = 0; i < N; i += 8) encode_eight<P>(values + i, out + i * P::W1_BITS / 8);
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
