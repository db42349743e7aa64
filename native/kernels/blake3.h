// BLAKE3 of many short messages at once, one in each 32-bit lane. What is longer than a chunk of
// 1,024 bytes is left to others: it has lanes of its own (the BLAKE3 paper, section 2).
#pragma once

#include "dialect.h"

namespace aichain {
namespace ISA_NAMESPACE {

constexpr int BLOCK_BYTES = 64, DIGEST_BYTES = 32;
constexpr uint32_t CHUNK_START = 1, CHUNK_END = 2, ROOT = 8;
AIC_CONSTANT uint32_t INITIAL[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
// Word number i of the message in round r; each round permutes the words of the one before.
AIC_CONSTANT int WORD_ORDER[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

AIC_FN void mix(I32 &a, I32 &b, I32 &c, I32 &d, I32 x, I32 y) {
    a = a + b + x;
    d = (d ^ a).template rotated_right<16>();
    c = c + d;
    b = (b ^ c).template rotated_right<12>();
    a = a + b + y;
    d = (d ^ a).template rotated_right<8>();
    c = c + d;
    b = (b ^ c).template rotated_right<7>();
}

template <int ROUND> AIC_FN void blake3_rounds(I32 *v, const I32 *m) {
    constexpr const int *order = WORD_ORDER[ROUND];
    mix(v[0], v[4], v[8], v[12], m[order[0]], m[order[1]]);
    mix(v[1], v[5], v[9], v[13], m[order[2]], m[order[3]]);
    mix(v[2], v[6], v[10], v[14], m[order[4]], m[order[5]]);
    mix(v[3], v[7], v[11], v[15], m[order[6]], m[order[7]]);
    mix(v[0], v[5], v[10], v[15], m[order[8]], m[order[9]]);
    mix(v[1], v[6], v[11], v[12], m[order[10]], m[order[11]]);
    mix(v[2], v[7], v[8], v[13], m[order[12]], m[order[13]]);
    mix(v[3], v[4], v[9], v[14], m[order[14]], m[order[15]]);
    if constexpr (ROUND < 6) blake3_rounds<ROUND + 1>(v, m);
}

// One block of each lane: where it is, how long, and what it is to its message.
struct BlockOfLanes {
    const uint8_t *from[W];
    int size[W];
    bool ends[W];
    bool any_ends, all_end, is_full;
    I32 lengths, flags;

    // Block number `block` of messages that may end before it.
    AIC_FN void take(const uint8_t *const *messages, const size_t *sizes, int count, size_t block) {
        alignas(64) int32_t length[W] = {}, flag[W] = {};
        any_ends = false, all_end = true;
        for (int i = 0; i < W; i++) {
            place(i, messages, i < count ? sizes[i] : 0, block);
            ends[i] = ends[i] && i < count;
            any_ends |= ends[i];
            all_end &= ends[i];
            length[i] = size[i];
            flag[i] = int32_t(flag_of(block, ends[i]));
        }
        is_full = false;
        lengths = I32::load(length);
        flags = I32::load(flag);
    }

    // The same for W messages of one size: nothing is loaded that was just stored in pieces.
    AIC_FN void take_equal(const uint8_t *const *messages, size_t message_size, size_t block) {
        for (int i = 0; i < W; i++) place(i, messages, message_size, block);
        any_ends = all_end = ends[0];
        is_full = size[0] == BLOCK_BYTES;
        lengths = I32::broadcast(size[0]);
        flags = I32::broadcast(int32_t(flag_of(block, ends[0])));
    }

    // Its sixteen words, word by word, zeros where a message has ended.
    AIC_FN void load(I32 *words) const {
        constexpr int PIECE = 4 * W;  // bytes of a vector
        for (int first = 0; first < BLOCK_BYTES; first += PIECE) {
            I32 *rows = words + first / 4;
            for (int lane = 0; is_full && lane < W; lane++)
                rows[lane] = I32::load_bytes(from[lane] + first);
            for (int lane = 0; !is_full && lane < W; lane++) {
                const int left = size[lane] - first;
                rows[lane] = left > 0 ? I32::load_some_bytes(from[lane] + first,
                                                             left < PIECE ? left : PIECE)
                                      : I32::broadcast(0);
            }
            I32::transpose(rows);
        }
    }

   private:
    AIC_FN void place(int lane, const uint8_t *const *messages, size_t message_size, size_t block) {
        const size_t at = block * BLOCK_BYTES;
        const size_t left = message_size > at ? message_size - at : 0;
        from[lane] = left > 0 ? messages[lane] + at : nullptr;
        size[lane] = int(left < BLOCK_BYTES ? left : BLOCK_BYTES);
        ends[lane] = left <= BLOCK_BYTES && (left > 0 || block == 0);
    }

    AIC_FN static uint32_t flag_of(size_t block, bool is_end) {
        return (block == 0 ? CHUNK_START : 0) | (is_end ? CHUNK_END | ROOT : 0);
    }
};

// A message of up to 1,024 bytes for each lane, digests side by side. `count` is at most W.
AIC_FN void blake3_lanes(const uint8_t *const *messages, const size_t *sizes, int count,
                         const uint32_t *key, uint32_t mode, uint8_t *out) {
    I32 chain[8];
    for (int i = 0; i < 8; i++) chain[i] = I32::broadcast(int32_t(key[i]));
    size_t longest = 1;  // an empty message has a block, too
    bool is_equal = count == W;
    for (int i = 0; i < count; i++) {
        if (sizes[i] > longest) longest = sizes[i];
        is_equal = is_equal && sizes[i] == sizes[0];
    }
    BlockOfLanes lanes;
    for (size_t block = 0; block * BLOCK_BYTES < longest; block++) {
        if (is_equal)
            lanes.take_equal(messages, sizes[0], block);
        else
            lanes.take(messages, sizes, count, block);
        I32 m[16], v[16];
        lanes.load(m);
        for (int i = 0; i < 8; i++) v[i] = chain[i];
        for (int i = 0; i < 4; i++) v[8 + i] = I32::broadcast(int32_t(INITIAL[i]));
        v[12] = v[13] = I32::broadcast(0);  // the counter of chunks
        v[14] = lanes.lengths;
        v[15] = lanes.flags | I32::broadcast(int32_t(mode));
        blake3_rounds<0>(v, m);
        for (int i = 0; i < 8; i++) chain[i] = v[i] ^ v[8 + i];
        if (!lanes.any_ends) continue;
        if (lanes.all_end) return I32::store_eights(chain, out);
        uint8_t digests[W * DIGEST_BYTES];
        I32::store_eights(chain, digests);
        for (int at = 0, i = 0; i < count; i++, at += DIGEST_BYTES)
            if (lanes.ends[i]) memcpy(out + at, digests + at, DIGEST_BYTES);
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
