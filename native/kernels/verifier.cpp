#include "verifier.h"

#include <algorithm>

namespace aichain {

namespace {

constexpr size_t CONTEXT_MAX_BYTES = 255;
constexpr int LANES_MAX = 16;

const uint8_t *bytes_of(std::string_view text) {
    return reinterpret_cast<const uint8_t *>(text.data());
}

}  // namespace

Verifier::Verifier(const Kernels &kernels, size_t recent_keys_max) : kernels_(kernels) {
    for (int set = 0; set < PARAMETER_SETS; set++)
        caches_[set] = std::make_unique<KeyCache>(kernels.sets[set], recent_keys_max);
}

void Verifier::verify(const std::vector<Item> &items, Interface interface, uint8_t *verdicts) {
    std::vector<size_t> orders[PARAMETER_SETS];
    for (size_t i = 0; i < items.size(); i++) {
        const int set = set_of(items[i].public_key.bytes.size());
        verdicts[i] = 0;
        if (set >= 0 && items[i].signature.size() == kernels_.sets[set].signature_bytes &&
            items[i].context.size() <= CONTEXT_MAX_BYTES)
            orders[set].push_back(i);
    }
    for (int set = 0; set < PARAMETER_SETS; set++) {
        std::vector<size_t> &order = orders[set];
        // Items of one key side by side: its matrix stays in the processor's cache.
        std::stable_sort(order.begin(), order.end(), [&items](size_t a, size_t b) {
            return items[a].public_key.hash < items[b].public_key.hash;
        });
        for (size_t at = 0; at < order.size(); at += TILE_ITEMS)
            verify_tile(set, items, &order[at], std::min(TILE_ITEMS, order.size() - at), interface,
                        verdicts);
    }
}

void Verifier::pin(const std::vector<PublicKey> &keys) {
    for (int set = 0; set < PARAMETER_SETS; set++) {
        std::vector<PublicKey> mine;
        for (const PublicKey &key : keys)
            if (set_of(key.bytes.size()) == set) mine.push_back(key);
        caches_[set]->pin(mine);
    }
}

CacheCounters Verifier::counters() const {
    CacheCounters total;
    for (const auto &cache : caches_) {
        const CacheCounters counters = cache->counters();
        total.hits += counters.hits;
        total.misses += counters.misses;
        total.evictions += counters.evictions;
        total.pinned += counters.pinned;
        total.recent += counters.recent;
    }
    return total;
}

void Verifier::verify_tile(int set, const std::vector<Item> &items, const size_t *order,
                           size_t count, Interface interface, uint8_t *verdicts) {
    std::vector<PublicKey> public_keys;
    for (size_t i = 0; i < count; i++) public_keys.push_back(items[order[i]].public_key);
    const std::vector<Expanded> expanded = caches_[set]->get(public_keys);
    const size_t lanes = size_t(kernels_.lanes);
    for (size_t first = 0; first < count; first += lanes) {
        const size_t n = std::min(lanes, count - first);
        Request requests[LANES_MAX];
        const void *keys[LANES_MAX];
        uint8_t prefixes[LANES_MAX][2], lane_verdicts[LANES_MAX];
        for (size_t i = 0; i < n; i++) {
            const Item &item = items[order[first + i]];
            const bool is_pure = interface == Interface::PURE;
            prefixes[i][0] = 0;  // algorithm 3, line 5
            prefixes[i][1] = uint8_t(item.context.size());
            requests[i] = {prefixes[i],
                           is_pure ? sizeof prefixes[i] : 0,
                           bytes_of(item.context),
                           is_pure ? item.context.size() : 0,
                           bytes_of(item.message),
                           item.message.size(),
                           bytes_of(item.signature)};
            keys[i] = expanded[first + i].get();
        }
        kernels_.sets[set].verify(keys, requests, int(n), lane_verdicts);
        for (size_t i = 0; i < n; i++) verdicts[order[first + i]] = lane_verdicts[i];
    }
}

int Verifier::set_of(size_t public_key_bytes) const {
    for (int set = 0; set < PARAMETER_SETS; set++)
        if (kernels_.sets[set].public_key_bytes == public_key_bytes) return set;
    return -1;
}

}  // namespace aichain
