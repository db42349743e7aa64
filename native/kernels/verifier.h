// Batches of signatures under any keys, on one instruction set.
#pragma once

#include <memory>
#include <vector>

#include "key_cache.h"
#include "kernels.h"

namespace aichain {

// Keys expanded at once, so that a batch of new keys needs bounded memory.
constexpr size_t TILE_ITEMS = 32;

struct Item {
    PublicKey public_key;
    std::string_view message, context, signature;
};

// FIPS 204 algorithm 3 (pure), or algorithm 8 on the message as it is (for test vectors).
enum class Interface { PURE, INTERNAL };

class Verifier {
   public:
    Verifier(const Kernels &kernels, size_t recent_keys_max);

    // One verdict an item; what has a wrong length is not valid. Threads may call it at once.
    void verify(const std::vector<Item> &items, Interface interface, uint8_t *verdicts);
    // Keeps the expanded form of these keys, and of those pinned before no longer.
    void pin(const std::vector<PublicKey> &keys);
    CacheCounters counters() const;

   private:
    void verify_tile(int set, const std::vector<Item> &items, const size_t *order, size_t count,
                     Interface interface, uint8_t *verdicts);
    int set_of(size_t public_key_bytes) const;

    const Kernels &kernels_;
    std::unique_ptr<KeyCache> caches_[PARAMETER_SETS];
};

}  // namespace aichain
