#include "key_cache.h"

#include <new>

namespace aichain {

namespace {

constexpr std::align_val_t ALIGNMENT{64};

}  // namespace

KeyBuffers::~KeyBuffers() {
    for (void *buffer : spare_) ::operator delete(buffer, ALIGNMENT);
}

void *KeyBuffers::take() {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!spare_.empty()) {
            void *buffer = spare_.back();
            spare_.pop_back();
            return buffer;
        }
        spare_.reserve(SPARE_BUFFERS_MAX);  // so that giving back cannot fail
    }
    return ::operator new(size_, ALIGNMENT);
}

void KeyBuffers::give_back(void *buffer) noexcept {
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (spare_.size() < SPARE_BUFFERS_MAX) {
            spare_.push_back(buffer);
            return;
        }
    }
    ::operator delete(buffer, ALIGNMENT);
}

std::vector<Expanded> KeyCache::get(const std::vector<PublicKey> &keys) {
    std::vector<Expanded> found(keys.size());
    std::vector<PublicKey> missing;
    std::unordered_map<PublicKey, size_t, HashOfKey> number;  // in `missing`
    {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (size_t i = 0; i < keys.size(); i++) {
            found[i] = find(keys[i]);
            (found[i] ? counters_.hits : counters_.misses)++;
            if (!found[i] && number.emplace(keys[i], missing.size()).second)
                missing.push_back(keys[i]);
        }
    }
    if (missing.empty()) return found;
    const std::vector<Expanded> expanded = expand(missing);
    for (size_t i = 0; i < keys.size(); i++)
        if (!found[i]) found[i] = expanded[number.at(keys[i])];
    const std::lock_guard<std::mutex> lock(mutex_);
    for (size_t i = 0; i < missing.size(); i++)
        if (is_seen_again(missing[i])) keep(missing[i], expanded[i]);
    return found;
}

void KeyCache::pin(const std::vector<PublicKey> &keys) {
    const std::vector<Expanded> expanded = get(keys);
    Entries entries;
    Index index;
    for (size_t i = 0; i < keys.size(); i++) {
        if (index.count(keys[i]) != 0) continue;
        entries.push_front({std::string(keys[i].bytes), keys[i].hash, expanded[i]});
        index.emplace(entries.front().key(), entries.begin());
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const Entry &entry : entries) {
        const auto recent = recent_index_.find(entry.key());
        if (recent == recent_index_.end()) continue;
        const auto place = recent->second;
        recent_index_.erase(recent);
        recent_.erase(place);
    }
    pinned_.swap(entries);
    pinned_index_.swap(index);
}

CacheCounters KeyCache::counters() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    CacheCounters counters = counters_;
    counters.pinned = pinned_.size();
    counters.recent = recent_.size();
    return counters;
}

Expanded KeyCache::find(const PublicKey &key) {
    const auto pinned = pinned_index_.find(key);
    if (pinned != pinned_index_.end()) return pinned->second->expanded;
    const auto recent = recent_index_.find(key);
    if (recent == recent_index_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, recent->second);
    return recent->second->expanded;
}

std::vector<Expanded> KeyCache::expand(const std::vector<PublicKey> &keys) const {
    std::vector<Expanded> expanded;
    std::vector<const uint8_t *> from;
    std::vector<void *> to;
    expanded.reserve(keys.size());  // so that no buffer is taken that nobody owns
    to.reserve(keys.size());
    for (const PublicKey &key : keys) {
        to.push_back(buffers_->take());
        expanded.emplace_back(to.back(), [buffers = buffers_](const void *buffer) {
            buffers->give_back(const_cast<void *>(buffer));
        });
        from.push_back(reinterpret_cast<const uint8_t *>(key.bytes.data()));
    }
    kernels_.expand_keys(from.data(), to.data(), int(keys.size()), FIRST_BLOCKS);
    return expanded;
}

// A table of the last hash at each place: it forgets, and it may be wrong about who was seen, which
// costs or wins a place in the cache and nothing else.
bool KeyCache::is_seen_again(const PublicKey &key) {
    uint64_t &place = seen_[key.hash % SEEN_KEYS_MAX];
    const bool is_seen = place == key.hash;
    place = key.hash;
    return is_seen;
}

void KeyCache::keep(const PublicKey &key, const Expanded &expanded) {
    if (recent_max_ == 0 || find(key)) return;  // another thread was faster
    if (recent_.size() == recent_max_) {
        recent_index_.erase(recent_.back().key());
        recent_.pop_back();
        counters_.evictions++;
    }
    recent_.push_front({std::string(key.bytes), key.hash, expanded});
    recent_index_.emplace(recent_.front().key(), recent_.begin());
}

}  // namespace aichain
