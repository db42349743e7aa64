// The number theoretic transform (FIPS 204, algorithms 41 and 42) over vectors of coefficients.
//
// Coefficients stand in vectors of W. Layers that pair whole vectors come first; then each group of
// W vectors is transposed, so that the other layers pair whole vectors, too. The transform ends in
// that transposed order, the inverse begins in it: products go coefficient by coefficient, so only
// what is sampled as transformed (the matrix A) has to be brought into the order, by `reorder`.
//
// Magnitudes: each layer of the transform adds at most q, so |result| < |input| + 8 q. The inverse
// doubles eight times: its input must be below q, and 256 q < 2^31 holds.
#pragma once

#include "dialect.h"
#include "field.h"

namespace aichain {
namespace ISA_NAMESPACE {

constexpr int VECTORS = N / W;
constexpr int GROUPS = VECTORS >= W ? VECTORS / W : 1;

// Factors for the layers inside of rows: lane i belongs to row i of the group.
struct RowZetas {
    static constexpr int COUNT = W > 1 ? W - 1 : 1;
    int32_t z[GROUPS][COUNT][W] = {};
    int32_t zq[GROUPS][COUNT][W] = {};
    AIC_FN constexpr explicit RowZetas(bool inverse) {
        for (int group = 0; group < GROUPS; group++) {
            int at = 0;
            for (int length = W / 2; length > 0; length /= 2)
                for (int part = 0; part < W / (2 * length); part++, at++)
                    for (int row = 0; row < W; row++) {
                        const int blocks = N / 2 / length;
                        const int block = (group * W + row) * (W / (2 * length)) + part;
                        const int k = inverse ? 2 * blocks - 1 - block : blocks + block;
                        z[group][at][row] = ZETAS.z[k];
                        zq[group][at][row] = ZETAS.zq[k];
                    }
        }
    }
};
alignas(64) AIC_TABLE RowZetas ROW_ZETAS{false};
alignas(64) AIC_TABLE RowZetas INVERSE_ROW_ZETAS{true};

AIC_FN void butterfly(I32 &a, I32 &b, I32 product) {
    b = a - product;
    a = a + product;
}

// Layers whose pairs are `UNIT` vectors apart, for groups wider than W vectors.
AIC_FN void outer_layers(int32_t *p) {
    for (int unit = VECTORS / 2; unit >= W && unit > 0; unit /= 2) {
        const int blocks = VECTORS / 2 / unit;
        for (int block = 0; block < blocks; block++) {
            const int32_t z = ZETAS.z[blocks + block], zq = ZETAS.zq[blocks + block];
            int32_t *lower = p + 2 * block * unit * W, *upper = lower + unit * W;
            for (int i = 0; i < unit; i++, lower += W, upper += W) {
                I32 a = I32::load(lower), b = I32::load(upper);
                butterfly(a, b, multiply_broadcast(b, z, zq));
                a.store(lower);
                b.store(upper);
            }
        }
    }
}

AIC_FN void outer_layers_inverse(int32_t *p) {
    for (int unit = W; unit < VECTORS; unit *= 2) {
        const int blocks = VECTORS / 2 / unit;
        for (int block = 0; block < blocks; block++) {
            const int k = 2 * blocks - 1 - block;
            const int32_t z = ZETAS.z[k], zq = ZETAS.zq[k];
            int32_t *lower = p + 2 * block * unit * W, *upper = lower + unit * W;
            for (int i = 0; i < unit; i++, lower += W, upper += W) {
                const I32 a = I32::load(lower), b = I32::load(upper);
                (a + b).store(lower);
                multiply_broadcast(b - a, z, zq).store(upper);
            }
        }
    }
}

template <int UNIT> AIC_INLINE void group_layer(I32 *r, int group) {
    constexpr int BLOCKS = W / (2 * UNIT);
    AIC_UNROLL
    for (int block = 0; block < BLOCKS; block++) {
        const int k = GROUPS * BLOCKS + group * BLOCKS + block;
        AIC_UNROLL
        for (int i = 2 * UNIT * block; i < 2 * UNIT * block + UNIT; i++)
            butterfly(r[i], r[i + UNIT], multiply_broadcast(r[i + UNIT], ZETAS.z[k], ZETAS.zq[k]));
    }
    if constexpr (UNIT > 1) group_layer<UNIT / 2>(r, group);
}

template <int UNIT> AIC_INLINE void group_layer_inverse(I32 *r, int group) {
    constexpr int BLOCKS = W / (2 * UNIT);
    AIC_UNROLL
    for (int block = 0; block < BLOCKS; block++) {
        const int k = 2 * GROUPS * BLOCKS - 1 - (group * BLOCKS + block);
        AIC_UNROLL
        for (int i = 2 * UNIT * block; i < 2 * UNIT * block + UNIT; i++) {
            const I32 a = r[i], b = r[i + UNIT];
            r[i] = a + b;
            r[i + UNIT] = multiply_broadcast(b - a, ZETAS.z[k], ZETAS.zq[k]);
        }
    }
    if constexpr (2 * UNIT < W) group_layer_inverse<2 * UNIT>(r, group);
}

// Factor number W / (2 LENGTH) - 1 + part belongs to `part` of the rows in the layer of LENGTH.
template <int LENGTH> AIC_INLINE void row_layer(I32 *r, int group) {
    constexpr int PARTS = W / (2 * LENGTH);
    AIC_UNROLL
    for (int part = 0; part < PARTS; part++) {
        const I32 z = I32::load(ROW_ZETAS.z[group][PARTS - 1 + part]);
        const I32 zq = I32::load(ROW_ZETAS.zq[group][PARTS - 1 + part]);
        AIC_UNROLL
        for (int i = 2 * LENGTH * part; i < 2 * LENGTH * part + LENGTH; i++)
            butterfly(r[i], r[i + LENGTH], multiply_lanes(r[i + LENGTH], z, zq));
    }
    if constexpr (LENGTH > 1) row_layer<LENGTH / 2>(r, group);
}

template <int LENGTH> AIC_INLINE void row_layer_inverse(I32 *r, int group) {
    constexpr int PARTS = W / (2 * LENGTH);
    AIC_UNROLL
    for (int part = 0; part < PARTS; part++) {
        const I32 z = I32::load(INVERSE_ROW_ZETAS.z[group][PARTS - 1 + part]);
        const I32 zq = I32::load(INVERSE_ROW_ZETAS.zq[group][PARTS - 1 + part]);
        AIC_UNROLL
        for (int i = 2 * LENGTH * part; i < 2 * LENGTH * part + LENGTH; i++) {
            const I32 a = r[i], b = r[i + LENGTH];
            r[i] = a + b;
            r[i + LENGTH] = multiply_lanes(b - a, z, zq);
        }
    }
    if constexpr (2 * LENGTH < W) row_layer_inverse<2 * LENGTH>(r, group);
}

AIC_INLINE void load_group(I32 *r, const int32_t *p) {
    AIC_UNROLL
    for (int i = 0; i < W; i++) r[i] = I32::load(p + W * i);
}

AIC_INLINE void store_group(const I32 *r, int32_t *p) {
    AIC_UNROLL
    for (int i = 0; i < W; i++) r[i].store(p + W * i);
}

// In place; the result is in transposed order.
AIC_FN void ntt(int32_t *p) {
    outer_layers(p);
    if constexpr (W > 1)
        for (int group = 0; group < GROUPS; group++) {
            I32 r[W];
            load_group(r, p + W * W * group);
            group_layer<W / 2>(r, group);
            I32::transpose(r);
            row_layer<W / 2>(r, group);
            store_group(r, p + W * W * group);
        }
}

// In place, from transposed order; the result is times 2^32 and below q in absolute value.
AIC_FN void inverse_ntt(int32_t *p) {
    if constexpr (W > 1)
        for (int group = 0; group < GROUPS; group++) {
            I32 r[W];
            load_group(r, p + W * W * group);
            row_layer_inverse<1>(r, group);
            I32::transpose(r);
            group_layer_inverse<1>(r, group);
            store_group(r, p + W * W * group);
        }
    outer_layers_inverse(p);
    for (int i = 0; i < N; i += W)
        multiply_broadcast(I32::load(p + i), INTT_SCALE, times_q_inverse(INTT_SCALE)).store(p + i);
}

// Copies a polynomial that is transformed already, into transposed order.
AIC_FN void reorder(const int32_t *from, int32_t *to) {
    if constexpr (W > 1) {
        for (int group = 0; group < GROUPS; group++) {
            I32 r[W];
            load_group(r, from + W * W * group);
            I32::transpose(r);
            store_group(r, to + W * W * group);
        }
    } else {
        memcpy(to, from, N * sizeof(int32_t));
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
