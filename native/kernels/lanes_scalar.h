// Vectors of one lane: what every compiler can do. The definition that the wider ones must match.
#pragma once

#include "dialect.h"
#include "field.h"
#include "word.h"

namespace aichain {
namespace ISA_NAMESPACE {

// 32-bit lanes: coefficients, and words of BLAKE3.
struct I32 {
    static constexpr int WIDTH = 1;
    int32_t v;

    AIC_FN static I32 load(const int32_t *p) { return {*p}; }
    AIC_FN void store(int32_t *p) const { *p = v; }
    AIC_FN static I32 load_bytes(const uint8_t *p) {
        I32 x;
        memcpy(&x.v, p, 4);
        return x;
    }
    AIC_FN static I32 load_some_bytes(const uint8_t *p, int count) {
        I32 x{0};
        memcpy(&x.v, p, size_t(count));
        return x;
    }
    AIC_FN static I32 broadcast(int32_t x) { return {x}; }

    template <int BITS> AIC_FN I32 shifted_right() const { return {int32_t(uint32_t(v) >> BITS)}; }
    template <int BITS> AIC_FN I32 rotated_right() const {
        return {int32_t(uint32_t(v) >> BITS | uint32_t(v) << (32 - BITS))};
    }
    AIC_FN static I32 abs(I32 a) { return {a.v < 0 ? -a.v : a.v}; }
    // The lower one as numbers without a sign.
    AIC_FN static I32 lower(I32 a, I32 b) { return uint32_t(a.v) < uint32_t(b.v) ? a : b; }
    AIC_FN static bool any(I32 a) { return a.v != 0; }

    // Fields number `index` to `index + WIDTH - 1` of BITS bits each. Reads up to 3 bytes more.
    template <int BITS> AIC_FN static I32 unpack(const uint8_t *p, int index) {
        uint32_t x;
        memcpy(&x, p + index * BITS / 8, 4);
        return {int32_t(x >> (index * BITS % 8) & ((1u << BITS) - 1))};
    }
    AIC_FN void store_bytes(uint8_t *p) const { *p = uint8_t(v); }
    AIC_FN void store_halves(uint8_t *p) const { memcpy(p, &v, 2); }
    // Stores the lanes below q side by side; writes WIDTH values, says how many count.
    AIC_FN int store_below_q(int32_t *p) const {
        *p = v;
        return v < Q;
    }
    AIC_FN static void transpose(I32 *) {}
    // The first eight words of each lane, lane by lane.
    AIC_FN static void store_eights(const I32 *r, uint8_t *out) {
        for (int i = 0; i < 8; i++) memcpy(out + 4 * i, &r[i].v, 4);
    }
};
AIC_FN I32 operator+(I32 a, I32 b) { return {int32_t(uint32_t(a.v) + uint32_t(b.v))}; }
AIC_FN I32 operator-(I32 a, I32 b) { return {int32_t(uint32_t(a.v) - uint32_t(b.v))}; }
AIC_FN I32 operator*(I32 a, I32 b) { return {int32_t(uint32_t(a.v) * uint32_t(b.v))}; }
AIC_FN I32 operator&(I32 a, I32 b) { return {a.v & b.v}; }
AIC_FN I32 operator|(I32 a, I32 b) { return {a.v | b.v}; }
AIC_FN I32 operator^(I32 a, I32 b) { return {a.v ^ b.v}; }
// All ones where a > b.
AIC_FN I32 operator>(I32 a, I32 b) { return {-int32_t(a.v > b.v)}; }

constexpr int W = I32::WIDTH;  // coefficients in a vector

// 64-bit products of lanes. `Factor` is a lane made ready for many products.
struct Factor {
    int32_t v;
    AIC_FN static Factor of(I32 a) { return {a.v}; }
};

struct Wide {
    int64_t v;
    AIC_FN static Wide zero() { return {0}; }
    AIC_FN void add_product(Factor a, Factor b) { v += int64_t(a.v) * b.v; }
    // v / 2^32 mod q, below q in absolute value while |v| < q 2^31.
    AIC_FN I32 reduced() const {
        const int32_t m = int32_t(uint32_t(v) * Q_INVERSE);
        return {int32_t((v - int64_t(m) * Q) >> 32)};
    }
};

// a * z / 2^32 mod q, with zq = z q^-1 mod 2^32.
AIC_FN I32 multiply_broadcast(I32 a, int32_t z, int32_t zq) {
    const int32_t m = int32_t(uint32_t(a.v) * uint32_t(zq));
    return {int32_t((int64_t(a.v) * z - int64_t(m) * Q) >> 32)};
}
AIC_FN I32 multiply_lanes(I32 a, I32 z, I32 zq) { return multiply_broadcast(a, z.v, zq.v); }

// 64-bit lanes: words of Keccak, one sponge in each.
using U64 = Word;

}  // namespace ISA_NAMESPACE
}  // namespace aichain
