// w1 from a signature (FIPS 204, algorithm 8, lines 8 to 10): one signature a block.
#pragma once

#include "../expanded_key.h"
#include "block.h"
#include "polynomials.h"

namespace aichain {
namespace gpu {

template <class P> struct Recover {
    static constexpr int LANES = POLYNOMIAL_LANES;
    struct Shared {
        // The vector z and the challenge; after the multiplication, the rows of w in their place.
        alignas(16) int32_t polynomials[P::L + 1 > P::K ? P::L + 1 : P::K][N];
        // 0xff where there is a hint, then the high bits.
        alignas(16) uint8_t values[P::K][N];
        int32_t is_refused;
    };
    const uint8_t *signatures;
    const ExpandedKey<P> *const *keys;
    const int32_t *challenges;
    uint8_t *w1;
    uint8_t *verdicts;
    uint64_t count;

    AIC_FN void run(Block<Shared> block) const {
        if (!verdicts[block.index]) return;  // the same for all lanes
        Shared &shared = block.shared;
        const uint8_t *z = signatures + block.index * P::SIGNATURE_BYTES + P::C_BYTES;
        const int32_t *challenge = challenges + block.index * N;
        const ExpandedKey<P> &key = *keys[block.index];
        block.phase([&](int lane) { clear(shared, lane); });
        block.phase([&](int lane) { enter(shared, z, challenge, lane); });
        block.phase([&](int lane) {
            for (int i = 0; i <= P::L; i++) transform<16>(shared.polynomials[i], lane);
        });
        block.phase([&](int lane) {
            for (int i = 0; i <= P::L; i++) transform<4>(shared.polynomials[i], lane);
        });
        block.phase([&](int lane) { multiply(shared, key, lane); });
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++)
                transform_inverse<4>(shared.polynomials[row], lane);
        });
        block.phase([&](int lane) {
            for (int row = 0; row < P::K; row++)
                transform_inverse<16>(shared.polynomials[row], lane);
        });
        block.phase([&](int lane) { leave(shared, lane); });
        uint8_t *out = w1 + block.index * P::K * P::W1_BYTES;
        block.phase([&](int lane) {
            for (int i = lane; i < P::K * N / 8; i += LANES)
                encode_eight<P>(shared.values[0] + 8 * i, out + P::W1_BITS * i);
            if (lane == 0 && shared.is_refused) verdicts[block.index] = 0;
        });
    }

   private:
    AIC_FN void clear(Shared &shared, int lane) const {
        for (int row = 0; row < P::K; row++)
            for (int i = 0; i < 4; i++) shared.values[row][lane + 64 * i] = 0;
        if (lane == 0) shared.is_refused = 0;
    }

    // Reads the vector, the challenge and the hints, and begins to transform.
    AIC_FN void enter(Shared &shared, const uint8_t *z, const int32_t *challenge,
                      int lane) const {
        I32 too_large = I32::broadcast(0);
        for (int column = 0; column < P::L; column++) {
            Four four;
            for (int i = 0; i < 4; i++) {
                four.v[i] = decode_z_at<P>(z + column * P::Z_BYTES, lane + 64 * i);
                too_large = too_large | is_too_large<P>(four.v[i]);
            }
            two_layers<64>(four, lane);
            store_four<64>(four, shared.polynomials[column], lane);
        }
        if (I32::any(too_large)) shared.is_refused = 1;  // whoever writes, writes this
        Four four = load_four<64>(challenge, lane);
        two_layers<64>(four, lane);
        store_four<64>(four, shared.polynomials[P::L], lane);
        place_hints(shared, z + P::L * P::Z_BYTES, lane);
    }

    // Their order was checked, so no two lanes write to one place.
    AIC_FN void place_hints(Shared &shared, const uint8_t *hints, int lane) const {
        for (int i = lane; i < P::OMEGA; i += LANES)
            for (int row = 0, first = 0; row < P::K; row++) {
                const int end = hints[P::OMEGA + row];
                if (first <= i && i < end) shared.values[row][hints[i]] = 0xff;
                first = end;
            }
    }

    // The last layers of the transform, A z - c t1 2^13, and the first layers back: all of this is
    // about the four coefficients that are this lane's.
    AIC_FN void multiply(Shared &shared, const ExpandedKey<P> &key, int lane) const {
        Four factors[P::L + 1];
        for (int i = 0; i <= P::L; i++) {
            factors[i] = load_four<1>(shared.polynomials[i], lane);
            two_layers<1>(factors[i], lane);
        }
        // The bound is that of verify.h: a sum is below (9 L + 81) q^2 < q 2^31.
        static_assert(int64_t(9 * P::L + 81) * Q < (int64_t(1) << 31), "Montgomery's bound");
        for (int row = 0; row < P::K; row++) {
            Wide sums[4];
            const Four t1 = load_four<1>(key.t1[row], lane);
            for (int i = 0; i < 4; i++) {
                sums[i] = Wide::zero();
                sums[i].add_product(Factor::of(t1.v[i]), Factor::of(factors[P::L].v[i]));
            }
            for (int column = 0; column < P::L; column++) {
                const Four a = load_four<1>(key.a[row][column], lane);
                for (int i = 0; i < 4; i++)
                    sums[i].add_product(Factor::of(a.v[i]), Factor::of(factors[column].v[i]));
            }
            Four w;
            for (int i = 0; i < 4; i++) w.v[i] = sums[i].reduced();
            two_layers_inverse<1>(w, lane);
            store_four<1>(w, shared.polynomials[row], lane);
        }
    }

    // The last layers back, and the high bits in place of the hints.
    AIC_FN void leave(Shared &shared, int lane) const {
        for (int row = 0; row < P::K; row++) {
            Four w = load_four<64>(shared.polynomials[row], lane);
            two_layers_inverse<64>(w, lane);
            for (int i = 0; i < 4; i++) {
                uint8_t *value = &shared.values[row][lane + 64 * i];
                const I32 r = multiply_broadcast(w.v[i], INTT_SCALE, times_q_inverse(INTT_SCALE));
                const int32_t positive = to_positive(r).v;
                const int high = high_bits<P>({positive}).v;
                *value = uint8_t(*value != 0 ? use_hint<P>(positive, high) : high);
            }
        }
    }
};

}  // namespace gpu
}  // namespace aichain
