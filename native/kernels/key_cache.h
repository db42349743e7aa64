// Expanded keys that are kept: those of validators for good, a bounded number of others.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "kernels.h"

namespace aichain {

constexpr size_t SEEN_KEYS_MAX = 4096;
constexpr size_t SPARE_BUFFERS_MAX = 128;

// A public key and its hash, which has to be one that nobody outside can foresee.
struct PublicKey {
    std::string_view bytes;
    uint64_t hash;

    bool operator==(const PublicKey &other) const { return bytes == other.bytes; }
};

struct HashOfKey {
    size_t operator()(const PublicKey &key) const { return size_t(key.hash); }
};

// Memory for expanded keys, aligned as the kernels like it. What is given back is kept for the next:
// the system takes as long to hand out fresh pages as a key takes to expand.
class KeyBuffers {
   public:
    explicit KeyBuffers(size_t size) : size_(size) {}
    ~KeyBuffers();
    KeyBuffers(const KeyBuffers &) = delete;
    KeyBuffers &operator=(const KeyBuffers &) = delete;
    void *take();
    void give_back(void *buffer) noexcept;

   private:
    const size_t size_;
    std::mutex mutex_;
    std::vector<void *> spare_;
};

// What a kernel made of one public key; gives its memory back when nobody uses it any more.
using Expanded = std::shared_ptr<const void>;

struct CacheCounters {
    uint64_t hits = 0, misses = 0, evictions = 0, pinned = 0, recent = 0;
};

// Keys of one parameter set. Threads may share it.
//
// A key that was never seen is expanded and not kept, so that a flood of new keys evicts nothing. At
// its second sight it is kept, in place of the one that was not used for the longest time.
class KeyCache {
   public:
    KeyCache(const KernelsOfSet &kernels, size_t recent_max)
        : kernels_(kernels),
          recent_max_(recent_max),
          buffers_(std::make_shared<KeyBuffers>(kernels.expanded_key_bytes)) {}

    // The expanded form of each key; of equal ones it is made once.
    std::vector<Expanded> get(const std::vector<PublicKey> &keys);
    // Keeps these for good, and those that were kept so before no longer.
    void pin(const std::vector<PublicKey> &keys);
    CacheCounters counters() const;

   private:
    struct Entry {
        std::string bytes;
        uint64_t hash;
        Expanded expanded;

        PublicKey key() const { return {bytes, hash}; }
    };
    using Entries = std::list<Entry>;
    using Index = std::unordered_map<PublicKey, Entries::iterator, HashOfKey>;

    Expanded find(const PublicKey &key);
    std::vector<Expanded> expand(const std::vector<PublicKey> &keys) const;
    bool is_seen_again(const PublicKey &key);
    void keep(const PublicKey &key, const Expanded &expanded);

    const KernelsOfSet kernels_;
    const size_t recent_max_;
    const std::shared_ptr<KeyBuffers> buffers_;
    mutable std::mutex mutex_;
    Entries pinned_, recent_;  // recent_: the latest first
    Index pinned_index_, recent_index_;
    uint64_t seen_[SEEN_KEYS_MAX] = {};
    CacheCounters counters_;
};

}  // namespace aichain
