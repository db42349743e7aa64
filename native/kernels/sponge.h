// SHAKE, SHA-3 and the original Keccak over `U64::WIDTH` messages of any lengths at once.
#pragma once

#include "dialect.h"
#include "keccak.h"

namespace aichain {
namespace ISA_NAMESPACE {

constexpr int SHAKE128_RATE = 168, SHAKE256_RATE = 136;
constexpr uint8_t SHAKE_PADDING = 0x1f, SHA3_PADDING = 0x06, KECCAK_PADDING = 0x01;
constexpr int SQUEEZED_BYTES = 192;  // what `squeeze` writes, whatever of it counts

// A message in up to four pieces, read block by block.
struct Message {
    struct Piece {
        const uint8_t *data;
        size_t size;
    };
    Piece pieces[4] = {};
    int count = 0;

    AIC_FN void add(const uint8_t *data, size_t size) {
        if (size > 0) pieces[count++] = {data, size};
    }
    AIC_FN size_t size() const {
        size_t total = 0;
        for (int i = 0; i < count; i++) total += pieces[i].size;
        return total;
    }
};

// Cuts a message into padded blocks.
template <int RATE> class Blocks {
   public:
    Blocks() = default;
    AIC_FN Blocks(const Message &message, uint8_t padding)
        : message_(message), padding_(padding), left_(int64_t(message.size() / RATE) + 1) {}

    AIC_FN int64_t left() const { return left_; }

    // The next block where it stands in the message, or else put together in `block`.
    AIC_FN const uint8_t *next(uint8_t *block) {
        if (piece_ < message_.count && message_.pieces[piece_].size - done_ > RATE) {
            done_ += RATE;
            left_--;
            return message_.pieces[piece_].data + done_ - RATE;
        }
        size_t filled = 0;
        while (filled < RATE && piece_ < message_.count) {
            const Message::Piece &piece = message_.pieces[piece_];
            const size_t rest = piece.size - done_;
            const size_t size = rest < RATE - filled ? rest : RATE - filled;
            memcpy(block + filled, piece.data + done_, size);
            filled += size;
            done_ += size;
            if (done_ == piece.size) {
                piece_++;
                done_ = 0;
            }
        }
        left_--;
        if (left_ == 0) {  // the last block always has room for the padding
            memset(block + filled, 0, RATE - filled);
            block[filled] = padding_;
            block[RATE - 1] |= 0x80;
        }
        return block;
    }

   private:
    Message message_;
    int piece_ = 0;
    size_t done_ = 0;
    uint8_t padding_ = 0;
    int64_t left_ = 0;
};

AIC_FN void clear(U64 *state) {
    for (int i = 0; i < 25; i++) state[i] = U64::broadcast(0);
}

// XORs one block of each message into the states.
template <int RATE> AIC_FN void absorb(U64 *state, const uint8_t *const *blocks) {
    constexpr int WORDS = RATE / 8, W = U64::WIDTH;
    int word = 0;
    for (; word + W <= WORDS; word += W) {
        U64 r[W];
        for (int i = 0; i < W; i++) r[i] = U64::load(blocks[i] + 8 * word);
        U64::transpose(r);
        for (int i = 0; i < W; i++) state[word + i] = state[word + i] ^ r[i];
    }
    for (; word < WORDS; word++) state[word] = state[word] ^ U64::gather(blocks, 8 * word);
}

// The first 24 words of each state; only `RATE` bytes of them may be used.
AIC_FN void squeeze(const U64 *state, uint8_t *const *out) {
    constexpr int W = U64::WIDTH;
    for (int word = 0; word < 24; word += W) {
        U64 r[W];
        for (int i = 0; i < W; i++) r[i] = state[word + i];
        U64::transpose(r);
        for (int i = 0; i < W; i++) r[i].store(out[i] + 8 * word);
    }
}

// The first `SIZE` bytes of the digest of each of `count` messages, at most one for each lane.
template <int RATE, int SIZE>
AIC_FN void hash_lanes(const Message *messages, int count, uint8_t padding, uint8_t *const *out) {
    static_assert(SIZE <= RATE, "one squeeze");
    constexpr int W = U64::WIDTH;
    Blocks<RATE> blocks[W];
    alignas(64) uint8_t block[W][SQUEEZED_BYTES] = {};
    uint8_t *lanes[W];
    const uint8_t *from[W];
    int64_t longest = 0;
    for (int i = 0; i < W; i++) {
        from[i] = lanes[i] = block[i];
        if (i < count) blocks[i] = Blocks<RATE>(messages[i], padding);
        if (blocks[i].left() > longest) longest = blocks[i].left();
    }
    U64 state[25];
    clear(state);
    for (; longest > 0; longest--) {
        bool ends[W], any = false;
        for (int i = 0; i < W; i++) {
            ends[i] = blocks[i].left() == 1;
            any |= ends[i];
            if (blocks[i].left() > 0) from[i] = blocks[i].next(block[i]);
        }
        absorb<RATE>(state, from);
        keccak_f(state);
        if (!any) continue;
        squeeze(state, lanes);
        for (int i = 0; i < W; i++)
            if (ends[i]) memcpy(out[i], block[i], SIZE);
    }
}

}  // namespace ISA_NAMESPACE
}  // namespace aichain
