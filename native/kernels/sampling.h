// Polynomials drawn from hashes (FIPS 204, section 7.3).
#pragma once

#include "dialect.h"
#include "ntt.h"
#include "parameters.h"
#include "sponge.h"

namespace aichain {
namespace ISA_NAMESPACE {

constexpr int CANDIDATE_BYTES = 3;

// Algorithm 14, but for its comparison with q.
AIC_FN int32_t candidate(const uint8_t *p) { return p[0] | p[1] << 8 | (p[2] & 0x7f) << 16; }

// Algorithm 30, one polynomial, from a stream of bytes of any length: what processors rarely need,
// and GPUs always do. A smaller BOUND makes tests read further.
template <int32_t BOUND = Q>
AIC_FN void sample_uniform_from_stream(const uint8_t *seed, int row, int column, int32_t *out) {
    const uint8_t place[2] = {uint8_t(column), uint8_t(row)};
    Word state[25] = {};
    uint8_t block[SHAKE128_RATE] = {};
    memcpy(block, seed, SEED_BYTES);
    memcpy(block + SEED_BYTES, place, 2);
    block[SEED_BYTES + 2] = SHAKE_PADDING;
    block[SHAKE128_RATE - 1] = 0x80;
    for (int i = 0; i < SHAKE128_RATE / 8; i++) memcpy(&state[i], block + 8 * i, 8);
    int count = 0;
    while (count < N) {
        keccak_f(state);
        memcpy(block, state, SHAKE128_RATE);
        for (int at = 0; at < SHAKE128_RATE && count < N; at += CANDIDATE_BYTES) {
            const int32_t x = candidate(block + at);
            if (x < BOUND) out[count++] = x;
        }
    }
}

// The same from the first blocks alone; false if they do not suffice. `out` has room for N + W.
AIC_FN bool sample_uniform(const uint8_t *stream, int blocks, int32_t *out) {
    const int candidates = blocks * SHAKE128_RATE / CANDIDATE_BYTES;
    int at = 0, count = 0;
    for (; at + W <= candidates && count < N; at += W) {
        const I32 x = I32::unpack<24>(stream, at) & I32::broadcast(0x7fffff);
        count += x.store_below_q(out + count);
    }
    for (; at < candidates && count < N; at++) {
        const int32_t x = candidate(stream + CANDIDATE_BYTES * at);
        if (x < Q) out[count++] = x;
    }
    return count >= N;
}

// One polynomial of a matrix A.
struct UniformJob {
    const uint8_t *seed;
    int row, column;
    int32_t *out;
};

// Algorithm 32 for any number of polynomials of any matrices: one in each lane of the hash. They
// come in the order that `ntt` leaves.
AIC_FN void sample_uniform_many(const UniformJob *jobs, int count, int blocks) {
    constexpr int LANES = U64::WIDTH;
    alignas(64) uint8_t streams[LANES][FIRST_BLOCKS * SHAKE128_RATE + 64];
    alignas(64) int32_t polynomials[LANES][N + 2 * W];
    for (int first = 0; first < count; first += LANES) {
        const int lanes = count - first < LANES ? count - first : LANES;
        const uint8_t *seeds[LANES];
        uint64_t places[LANES];
        for (int i = 0; i < LANES; i++) {
            const UniformJob &job = jobs[first + (i < lanes ? i : 0)];
            seeds[i] = job.seed;
            places[i] = uint64_t(job.column | job.row << 8 | SHAKE_PADDING << 16);
        }
        U64 state[25];
        clear(state);
        for (int word = 0; word < 4; word++) state[word] = U64::gather(seeds, 8 * word);
        state[4] = U64::load(reinterpret_cast<const uint8_t *>(places));
        state[SHAKE128_RATE / 8 - 1] = U64::broadcast(uint64_t(0x80) << 56);
        for (int block = 0; block < blocks; block++) {
            uint8_t *to[LANES];
            for (int i = 0; i < LANES; i++) to[i] = streams[i] + block * SHAKE128_RATE;
            keccak_f(state);
            squeeze(state, to);
        }
        for (int i = 0; i < lanes; i++) {
            const UniformJob &job = jobs[first + i];
            if (!sample_uniform(streams[i], blocks, polynomials[i]))
                sample_uniform_from_stream(job.seed, job.row, job.column, polynomials[i]);
        }
        // Only now: a vector cannot be loaded at once whose parts are still on their way to memory.
        for (int i = 0; i < lanes; i++) reorder(polynomials[i], jobs[first + i].out);
    }
}

// Reads bytes of SHAKE256(c) one by one, however many.
class ShakeReader {
   public:
    AIC_FN ShakeReader(const uint8_t *seed, int size) {
        uint8_t block[SHAKE256_RATE] = {};
        memcpy(block, seed, size_t(size));
        block[size] = SHAKE_PADDING;
        block[SHAKE256_RATE - 1] |= 0x80;
        for (int i = 0; i < SHAKE256_RATE / 8; i++) memcpy(&state_[i], block + 8 * i, 8);
    }
    AIC_FN uint8_t next() {
        if (at_ == SHAKE256_RATE) {
            keccak_f(state_);
            memcpy(block_, state_, SHAKE256_RATE);
            at_ = 0;
        }
        return block_[at_++];
    }

   private:
    Word state_[25] = {};
    uint8_t block_[SHAKE256_RATE];
    int at_ = SHAKE256_RATE;
};

// Algorithm 29: sets `TAU` coefficients to 1 or -1; all were 0.
template <class P> AIC_FN void sample_in_ball_of_zeros(ShakeReader reader, int32_t *c) {
    uint64_t signs = 0;
    for (int i = 0; i < 8; i++) signs |= uint64_t(reader.next()) << 8 * i;
    for (int i = N - P::TAU; i < N; i++, signs >>= 1) {
        int j = reader.next();
        while (j > i) j = reader.next();
        c[i] = c[j];
        c[j] = 1 - 2 * int32_t(signs & 1);
    }
}

template <class P> AIC_FN void sample_in_ball_from_stream(ShakeReader reader, int32_t *c) {
    memset(c, 0, N * sizeof(int32_t));
    sample_in_ball_of_zeros<P>(reader, c);
}

// The same from the first block of SHAKE256(seed), as long as that suffices.
template <class P>
AIC_FN void sample_in_ball(const uint8_t *block, const uint8_t *seed, int32_t *c) {
    uint64_t signs;
    memcpy(&signs, block, 8);
    int at = 8;
    memset(c, 0, N * sizeof(int32_t));
    for (int i = N - P::TAU; i < N; i++, signs >>= 1) {
        int j;
        do {
            if (at == SHAKE256_RATE) return sample_in_ball_from_stream<P>(ShakeReader(seed, P::C_BYTES), c);
            j = block[at++];
        } while (j > i);
        c[i] = c[j];
        c[j] = 1 - 2 * int32_t(signs & 1);
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
