// Vectors of 512 bits (AVX-512 F, BW, DQ, VL): sixteen coefficients, eight sponges.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "field.h"

namespace aichain {
namespace ISA_NAMESPACE {

inline __m512i odd_lanes(__m512i a) {
    return _mm512_castps_si512(_mm512_movehdup_ps(_mm512_castsi512_ps(a)));
}
// The upper halves of sixteen 64-bit products whose even and odd ones stand apart.
inline __m512i upper_halves(__m512i even, __m512i odd) {
    return _mm512_castps_si512(_mm512_mask_movehdup_ps(_mm512_castsi512_ps(odd), 0x5555,
                                                       _mm512_castsi512_ps(even)));
}

struct I32 {
    static constexpr int WIDTH = 16;
    __m512i v;

    static I32 load(const int32_t *p) { return {_mm512_loadu_si512(p)}; }
    void store(int32_t *p) const { _mm512_storeu_si512(p, v); }
    static I32 load_bytes(const uint8_t *p) { return {_mm512_loadu_si512(p)}; }
    static I32 load_some_bytes(const uint8_t *p, int count) {
        return {_mm512_maskz_loadu_epi8(~uint64_t(0) >> (64 - count), p)};
    }
    static I32 broadcast(int32_t x) { return {_mm512_set1_epi32(x)}; }

    template <int BITS> I32 shifted_right() const { return {_mm512_srli_epi32(v, BITS)}; }
    template <int BITS> I32 rotated_right() const { return {_mm512_ror_epi32(v, BITS)}; }
    static I32 abs(I32 a) { return {_mm512_abs_epi32(a.v)}; }
    static I32 lower(I32 a, I32 b) { return {_mm512_min_epu32(a.v, b.v)}; }
    static bool any(I32 a) { return _mm512_test_epi32_mask(a.v, a.v) != 0; }

    // Each 128-bit quarter takes its four fields from 16 bytes: reads up to 11 bytes too many.
    template <int BITS> static I32 unpack(const uint8_t *p, int index) {
        constexpr int STEP = BITS / 2;  // bytes of four fields
        constexpr int F1 = BITS / 8, F2 = 2 * BITS / 8, F3 = 3 * BITS / 8;
        const uint8_t *from = p + index * BITS / 8;
        const auto quarter = [from](int i) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i * STEP));
        };
        __m512i x = _mm512_castsi128_si512(quarter(0));
        x = _mm512_inserti32x4(x, quarter(1), 1);
        x = _mm512_inserti32x4(x, quarter(2), 2);
        x = _mm512_inserti32x4(x, quarter(3), 3);
        const __m128i bytes = _mm_setr_epi8(0, 1, 2, 3, F1, F1 + 1, F1 + 2, F1 + 3, F2, F2 + 1,
                                            F2 + 2, F2 + 3, F3, F3 + 1, F3 + 2, F3 + 3);
        const __m128i shifts = _mm_setr_epi32(0, BITS % 8, 2 * BITS % 8, 3 * BITS % 8);
        x = _mm512_shuffle_epi8(x, _mm512_broadcast_i32x4(bytes));
        if constexpr (BITS % 8 != 0)
            x = _mm512_srlv_epi32(x, _mm512_broadcast_i32x4(shifts));
        return {_mm512_and_si512(x, _mm512_set1_epi32((1 << BITS) - 1))};
    }
    void store_bytes(uint8_t *p) const {
        _mm_storeu_si128(reinterpret_cast<__m128i *>(p), _mm512_cvtepi32_epi8(v));
    }
    void store_halves(uint8_t *p) const {
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), _mm512_cvtepi32_epi16(v));
    }
    int store_below_q(int32_t *p) const {
        const __mmask16 below = _mm512_cmplt_epi32_mask(v, _mm512_set1_epi32(Q));
        if (below == 0xffff) return store(p), WIDTH;  // 63 times of 64
        _mm512_storeu_si512(p, _mm512_maskz_compress_epi32(below, v));
        return __builtin_popcount(below);
    }
    // The first eight words of each lane, lane by lane.
    AIC_INLINE static void store_eights(const I32 *r, uint8_t *out) {
        __m512i t[8], u[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 2) {
            t[i] = _mm512_unpacklo_epi32(r[i].v, r[i + 1].v);
            t[i + 1] = _mm512_unpackhi_epi32(r[i].v, r[i + 1].v);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 4) {
            u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
            u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
            u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
            u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
        }
        // Quarter number `part` of u[i] and of u[4 + i] are the eight words of lane 4 part + i.
        const __m512i lower = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11);
        const __m512i upper = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
#pragma GCC unroll 8
        for (int i = 0; i < 4; i++) {
            const __m512i a = _mm512_permutex2var_epi64(u[i], lower, u[4 + i]);
            const __m512i b = _mm512_permutex2var_epi64(u[i], upper, u[4 + i]);
            const auto store = [&](int lane, __m256i x) {
                _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + 32 * lane), x);
            };
            store(i, _mm512_castsi512_si256(a));
            store(4 + i, _mm512_extracti64x4_epi64(a, 1));
            store(8 + i, _mm512_castsi512_si256(b));
            store(12 + i, _mm512_extracti64x4_epi64(b, 1));
        }
    }
    // Sixteen vectors; by pairs, fours, eights.
    AIC_INLINE static void transpose(I32 *r) {
        __m512i t[16], u[16];
#pragma GCC unroll 16
        for (int i = 0; i < 16; i += 2) {
            t[i] = _mm512_unpacklo_epi32(r[i].v, r[i + 1].v);
            t[i + 1] = _mm512_unpackhi_epi32(r[i].v, r[i + 1].v);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i += 4) {
            u[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
            u[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
            u[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
            u[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
        }
#pragma GCC unroll 16
        for (int j = 0; j < 4; j++) {
            t[j] = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88);
            t[4 + j] = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd);
            t[8 + j] = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
            t[12 + j] = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);
        }
#pragma GCC unroll 16
        for (int j = 0; j < 4; j++) {
            r[j].v = _mm512_shuffle_i32x4(t[j], t[8 + j], 0x88);
            r[8 + j].v = _mm512_shuffle_i32x4(t[j], t[8 + j], 0xdd);
            r[4 + j].v = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0x88);
            r[12 + j].v = _mm512_shuffle_i32x4(t[4 + j], t[12 + j], 0xdd);
        }
    }
};
inline I32 operator+(I32 a, I32 b) { return {_mm512_add_epi32(a.v, b.v)}; }
inline I32 operator-(I32 a, I32 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
inline I32 operator*(I32 a, I32 b) { return {_mm512_mullo_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm512_and_si512(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm512_or_si512(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm512_xor_si512(a.v, b.v)}; }
inline I32 operator>(I32 a, I32 b) {
    return {_mm512_movm_epi32(_mm512_cmpgt_epi32_mask(a.v, b.v))};
}

constexpr int W = I32::WIDTH;  // coefficients in a vector

struct Factor {
    __m512i even, odd;
    static Factor of(I32 a) { return {a.v, odd_lanes(a.v)}; }
};

struct Wide {
    __m512i even, odd;
    static Wide zero() { return {_mm512_setzero_si512(), _mm512_setzero_si512()}; }
    void add_product(Factor a, Factor b) {
        even = _mm512_add_epi64(even, _mm512_mul_epi32(a.even, b.even));
        odd = _mm512_add_epi64(odd, _mm512_mul_epi32(a.odd, b.odd));
    }
    I32 reduced() const {
        const __m512i q = _mm512_set1_epi32(Q), inverse = _mm512_set1_epi32(int32_t(Q_INVERSE));
        const __m512i m0 = _mm512_mul_epi32(even, inverse), m1 = _mm512_mul_epi32(odd, inverse);
        const __m512i r0 = _mm512_mul_epi32(m0, q), r1 = _mm512_mul_epi32(m1, q);
        return {upper_halves(_mm512_sub_epi64(even, r0), _mm512_sub_epi64(odd, r1))};
    }
};

inline I32 montgomery_product(__m512i a0, __m512i a1, __m512i z0, __m512i z1, __m512i zq0,
                              __m512i zq1) {
    const __m512i q = _mm512_set1_epi32(Q);
    const __m512i p0 = _mm512_mul_epi32(a0, z0), p1 = _mm512_mul_epi32(a1, z1);
    const __m512i m0 = _mm512_mul_epi32(a0, zq0), m1 = _mm512_mul_epi32(a1, zq1);
    const __m512i r0 = _mm512_mul_epi32(m0, q), r1 = _mm512_mul_epi32(m1, q);
    return {upper_halves(_mm512_sub_epi64(p0, r0), _mm512_sub_epi64(p1, r1))};
}
inline I32 multiply_broadcast(I32 a, int32_t z, int32_t zq) {
    const __m512i zs = _mm512_set1_epi32(z), zqs = _mm512_set1_epi32(zq);
    return montgomery_product(a.v, odd_lanes(a.v), zs, zs, zqs, zqs);
}
inline I32 multiply_lanes(I32 a, I32 z, I32 zq) {
    return montgomery_product(a.v, odd_lanes(a.v), z.v, odd_lanes(z.v), zq.v, odd_lanes(zq.v));
}

struct U64 {
    static constexpr int WIDTH = 8;
    __m512i v;

    static U64 broadcast(uint64_t x) { return {_mm512_set1_epi64(int64_t(x))}; }
    template <int BITS> U64 rotated_left() const { return {_mm512_rol_epi64(v, BITS)}; }
    static U64 xor3(U64 a, U64 b, U64 c) {
        return {_mm512_ternarylogic_epi64(a.v, b.v, c.v, 0x96)};
    }
    static U64 chi(U64 a, U64 b, U64 c) {
        return {_mm512_ternarylogic_epi64(a.v, b.v, c.v, 0xd2)};
    }
    static U64 gather(const uint8_t *const *p, int offset) {
        uint64_t words[8];
        for (int i = 0; i < 8; i++) memcpy(&words[i], p[i] + offset, 8);
        return {_mm512_loadu_si512(words)};
    }
    AIC_INLINE static void transpose(U64 *r) {
        __m512i t[8], u[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 2) {
            t[i] = _mm512_unpacklo_epi64(r[i].v, r[i + 1].v);
            t[i + 1] = _mm512_unpackhi_epi64(r[i].v, r[i + 1].v);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 4)
            for (int j = 0; j < 2; j++) {
                u[i + j] = _mm512_shuffle_i64x2(t[i + j], t[i + 2 + j], 0x88);
                u[i + 2 + j] = _mm512_shuffle_i64x2(t[i + j], t[i + 2 + j], 0xdd);
            }
#pragma GCC unroll 8
        for (int j = 0; j < 2; j++) {
            r[j].v = _mm512_shuffle_i64x2(u[j], u[4 + j], 0x88);
            r[4 + j].v = _mm512_shuffle_i64x2(u[j], u[4 + j], 0xdd);
            r[2 + j].v = _mm512_shuffle_i64x2(u[2 + j], u[6 + j], 0x88);
            r[6 + j].v = _mm512_shuffle_i64x2(u[2 + j], u[6 + j], 0xdd);
        }
    }
    static U64 load(const uint8_t *p) { return {_mm512_loadu_si512(p)}; }
    void store(uint8_t *p) const { _mm512_storeu_si512(p, v); }
};
inline U64 operator^(U64 a, U64 b) { return {_mm512_xor_si512(a.v, b.v)}; }

}  // namespace ISA_NAMESPACE
}  // namespace aichain
