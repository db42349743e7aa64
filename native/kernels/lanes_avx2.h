// Vectors of 256 bits (AVX2): eight coefficients, four sponges.
#pragma once

#include <immintrin.h>
#include <stdint.h>

#include "field.h"

namespace aichain {
namespace ISA_NAMESPACE {

inline __m256i odd_lanes(__m256i a) {
    return _mm256_castps_si256(_mm256_movehdup_ps(_mm256_castsi256_ps(a)));
}
// The upper halves of eight 64-bit products whose even and odd ones stand apart.
inline __m256i upper_halves(__m256i even, __m256i odd) {
    return _mm256_blend_epi32(odd_lanes(even), odd, 0xaa);
}

// Words of SIZE bytes, rotated to the right by whole bytes: one step instead of three.
template <int SIZE> inline __m256i bytes_rotated(__m256i a, int count) {
    alignas(32) uint8_t from[32];
    for (int i = 0; i < 32; i++) from[i] = uint8_t(i % 16 / SIZE * SIZE + (i + count) % SIZE);
    return _mm256_shuffle_epi8(a, _mm256_load_si256(reinterpret_cast<const __m256i *>(from)));
}

// For each set of lanes that stay, where each comes from.
struct Compress {
    uint32_t from[256][8] = {};
    constexpr Compress() {
        for (int set = 0; set < 256; set++)
            for (int lane = 0, count = 0; lane < 8; lane++)
                if (set >> lane & 1) from[set][count++] = uint32_t(lane);
    }
};
inline constexpr Compress COMPRESS{};

struct I32 {
    static constexpr int WIDTH = 8;
    __m256i v;

    static I32 load(const int32_t *p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))};
    }
    void store(int32_t *p) const { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), v); }
    static I32 load_bytes(const uint8_t *p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))};
    }
    static I32 load_some_bytes(const uint8_t *p, int count) {
        alignas(32) uint8_t padded[32] = {};
        memcpy(padded, p, size_t(count));
        return load_bytes(padded);
    }
    static I32 broadcast(int32_t x) { return {_mm256_set1_epi32(x)}; }

    template <int BITS> I32 shifted_right() const { return {_mm256_srli_epi32(v, BITS)}; }
    template <int BITS> I32 rotated_right() const {
        if constexpr (BITS % 8 == 0) return {bytes_rotated<4>(v, BITS / 8)};
        return {_mm256_or_si256(_mm256_srli_epi32(v, BITS), _mm256_slli_epi32(v, 32 - BITS))};
    }
    static I32 abs(I32 a) { return {_mm256_abs_epi32(a.v)}; }
    static I32 lower(I32 a, I32 b) { return {_mm256_min_epu32(a.v, b.v)}; }
    static bool any(I32 a) { return !_mm256_testz_si256(a.v, a.v); }

    // Each 128-bit half takes its four fields from 16 bytes: reads up to 11 bytes too many.
    template <int BITS> static I32 unpack(const uint8_t *p, int index) {
        constexpr int STEP = BITS / 2;  // bytes of four fields
        constexpr int F1 = BITS / 8, F2 = 2 * BITS / 8, F3 = 3 * BITS / 8;
        const uint8_t *from = p + index * BITS / 8;
        const auto half = [from](int i) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from + i * STEP));
        };
        __m256i x = _mm256_inserti128_si256(_mm256_castsi128_si256(half(0)), half(1), 1);
        const __m128i bytes = _mm_setr_epi8(0, 1, 2, 3, F1, F1 + 1, F1 + 2, F1 + 3, F2, F2 + 1,
                                            F2 + 2, F2 + 3, F3, F3 + 1, F3 + 2, F3 + 3);
        const __m128i shifts = _mm_setr_epi32(0, BITS % 8, 2 * BITS % 8, 3 * BITS % 8);
        x = _mm256_shuffle_epi8(x, _mm256_broadcastsi128_si256(bytes));
        if constexpr (BITS % 8 != 0)
            x = _mm256_srlv_epi32(x, _mm256_broadcastsi128_si256(shifts));
        return {_mm256_and_si256(x, _mm256_set1_epi32((1 << BITS) - 1))};
    }
    void store_bytes(uint8_t *p) const {
        const __m256i low = _mm256_broadcastsi128_si256(
            _mm_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
        const __m256i x = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(v, low),
                                                      _mm256_setr_epi32(0, 4, 1, 1, 1, 1, 1, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i *>(p), _mm256_castsi256_si128(x));
    }
    void store_halves(uint8_t *p) const {
        const __m256i x = _mm256_permute4x64_epi64(_mm256_packus_epi32(v, v), 0x08);
        _mm_storeu_si128(reinterpret_cast<__m128i *>(p), _mm256_castsi256_si128(x));
    }
    int store_below_q(int32_t *p) const {
        const __m256i below = _mm256_cmpgt_epi32(_mm256_set1_epi32(Q), v);
        const int set = _mm256_movemask_ps(_mm256_castsi256_ps(below));
        if (set == 0xff) return store(p), WIDTH;  // 127 times of 128
        const __m256i from =
            _mm256_loadu_si256(reinterpret_cast<const __m256i *>(COMPRESS.from[set]));
        _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), _mm256_permutevar8x32_epi32(v, from));
        return __builtin_popcount(unsigned(set));
    }
    // The first eight words of each lane, lane by lane.
    AIC_INLINE static void store_eights(const I32 *r, uint8_t *out) {
        I32 rows[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) rows[i] = r[i];
        transpose(rows);
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            _mm256_storeu_si256(reinterpret_cast<__m256i *>(out + 32 * i), rows[i].v);
    }
    // Eight vectors; by pairs, fours, eights.
    AIC_INLINE static void transpose(I32 *r) {
        __m256i t[8], u[8];
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 2) {
            t[i] = _mm256_unpacklo_epi32(r[i].v, r[i + 1].v);
            t[i + 1] = _mm256_unpackhi_epi32(r[i].v, r[i + 1].v);
        }
#pragma GCC unroll 8
        for (int i = 0; i < 8; i += 4) {
            u[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
            u[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
            u[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
            u[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
        }
#pragma GCC unroll 8
        for (int j = 0; j < 4; j++) {
            r[j].v = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
            r[4 + j].v = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
        }
    }
};
inline I32 operator+(I32 a, I32 b) { return {_mm256_add_epi32(a.v, b.v)}; }
inline I32 operator-(I32 a, I32 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
inline I32 operator*(I32 a, I32 b) { return {_mm256_mullo_epi32(a.v, b.v)}; }
inline I32 operator&(I32 a, I32 b) { return {_mm256_and_si256(a.v, b.v)}; }
inline I32 operator|(I32 a, I32 b) { return {_mm256_or_si256(a.v, b.v)}; }
inline I32 operator^(I32 a, I32 b) { return {_mm256_xor_si256(a.v, b.v)}; }
inline I32 operator>(I32 a, I32 b) { return {_mm256_cmpgt_epi32(a.v, b.v)}; }

constexpr int W = I32::WIDTH;  // coefficients in a vector

struct Factor {
    __m256i even, odd;
    static Factor of(I32 a) { return {a.v, odd_lanes(a.v)}; }
};

struct Wide {
    __m256i even, odd;
    static Wide zero() { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
    void add_product(Factor a, Factor b) {
        even = _mm256_add_epi64(even, _mm256_mul_epi32(a.even, b.even));
        odd = _mm256_add_epi64(odd, _mm256_mul_epi32(a.odd, b.odd));
    }
    I32 reduced() const {
        const __m256i q = _mm256_set1_epi32(Q), inverse = _mm256_set1_epi32(int32_t(Q_INVERSE));
        const __m256i m0 = _mm256_mul_epi32(even, inverse), m1 = _mm256_mul_epi32(odd, inverse);
        const __m256i r0 = _mm256_mul_epi32(m0, q), r1 = _mm256_mul_epi32(m1, q);
        return {upper_halves(_mm256_sub_epi64(even, r0), _mm256_sub_epi64(odd, r1))};
    }
};

inline I32 montgomery_product(__m256i a0, __m256i a1, __m256i z0, __m256i z1, __m256i zq0,
                              __m256i zq1) {
    const __m256i q = _mm256_set1_epi32(Q);
    const __m256i p0 = _mm256_mul_epi32(a0, z0), p1 = _mm256_mul_epi32(a1, z1);
    const __m256i m0 = _mm256_mul_epi32(a0, zq0), m1 = _mm256_mul_epi32(a1, zq1);
    const __m256i r0 = _mm256_mul_epi32(m0, q), r1 = _mm256_mul_epi32(m1, q);
    return {upper_halves(_mm256_sub_epi64(p0, r0), _mm256_sub_epi64(p1, r1))};
}
inline I32 multiply_broadcast(I32 a, int32_t z, int32_t zq) {
    const __m256i zs = _mm256_set1_epi32(z), zqs = _mm256_set1_epi32(zq);
    return montgomery_product(a.v, odd_lanes(a.v), zs, zs, zqs, zqs);
}
inline I32 multiply_lanes(I32 a, I32 z, I32 zq) {
    return montgomery_product(a.v, odd_lanes(a.v), z.v, odd_lanes(z.v), zq.v, odd_lanes(zq.v));
}

struct U64 {
    static constexpr int WIDTH = 4;
    __m256i v;

    static U64 broadcast(uint64_t x) { return {_mm256_set1_epi64x(int64_t(x))}; }
    template <int BITS> U64 rotated_left() const {
        if constexpr (BITS == 0) return *this;
        if constexpr (BITS % 8 == 0) return {bytes_rotated<8>(v, 8 - BITS / 8)};
        return {_mm256_or_si256(_mm256_slli_epi64(v, BITS), _mm256_srli_epi64(v, 64 - BITS))};
    }
    static U64 xor3(U64 a, U64 b, U64 c) {
        return {_mm256_xor_si256(_mm256_xor_si256(a.v, b.v), c.v)};
    }
    static U64 chi(U64 a, U64 b, U64 c) {
        return {_mm256_xor_si256(a.v, _mm256_andnot_si256(b.v, c.v))};
    }
    static U64 gather(const uint8_t *const *p, int offset) {
        uint64_t words[4];
        for (int i = 0; i < 4; i++) memcpy(&words[i], p[i] + offset, 8);
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(words))};
    }
    AIC_INLINE static void transpose(U64 *r) {
        const __m256i a = _mm256_unpacklo_epi64(r[0].v, r[1].v);
        const __m256i b = _mm256_unpackhi_epi64(r[0].v, r[1].v);
        const __m256i c = _mm256_unpacklo_epi64(r[2].v, r[3].v);
        const __m256i d = _mm256_unpackhi_epi64(r[2].v, r[3].v);
        r[0].v = _mm256_permute2x128_si256(a, c, 0x20);
        r[1].v = _mm256_permute2x128_si256(b, d, 0x20);
        r[2].v = _mm256_permute2x128_si256(a, c, 0x31);
        r[3].v = _mm256_permute2x128_si256(b, d, 0x31);
    }
    static U64 load(const uint8_t *p) {
        return {_mm256_loadu_si256(reinterpret_cast<const __m256i *>(p))};
    }
    void store(uint8_t *p) const { _mm256_storeu_si256(reinterpret_cast<__m256i *>(p), v); }
};
inline U64 operator^(U64 a, U64 b) { return {_mm256_xor_si256(a.v, b.v)}; }

}  // namespace ISA_NAMESPACE
}  // namespace aichain
