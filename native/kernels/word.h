// One 64-bit word that looks like a vector of one lane.
#pragma once

#include "dialect.h"

namespace aichain {
namespace ISA_NAMESPACE {

struct Word {
    static constexpr int WIDTH = 1;
    uint64_t v;

    AIC_FN static Word broadcast(uint64_t x) { return {x}; }
    AIC_FN static Word load(const uint8_t *p) {
        Word x;
        memcpy(&x.v, p, 8);
        return x;
    }
    AIC_FN void store(uint8_t *p) const { memcpy(p, &v, 8); }
    AIC_FN static Word gather(const uint8_t *const *p, int offset) { return load(p[0] + offset); }
    AIC_FN static void transpose(Word *) {}
    template <int BITS> AIC_FN Word rotated_left() const {
        if constexpr (BITS == 0) return *this;
        return {v << BITS | v >> (64 - BITS) % 64};
    }
    AIC_FN static Word xor3(Word a, Word b, Word c) { return {a.v ^ b.v ^ c.v}; }
    AIC_FN static Word chi(Word a, Word b, Word c) { return {a.v ^ (~b.v & c.v)}; }
};
AIC_FN Word operator^(Word a, Word b) { return {a.v ^ b.v}; }

}  // namespace ISA_NAMESPACE
}  // namespace aichain
