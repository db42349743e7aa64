// The update of a sparse Merkle tree, for Python: the nodes are those of `native/sparse_tree.py`.
#include <string.h>

#include <algorithm>
#include <new>

#include "module.h"
#include "python_values.h"

namespace aichain {

namespace {

constexpr size_t HASH_BYTES = 32, PAIR_BYTES = 2 * HASH_BYTES;
constexpr int TREE_DEPTH = 8 * HASH_BYTES;
constexpr uint8_t ZERO_HASH[HASH_BYTES] = {};

struct Raised {};  // a Python exception is set

[[noreturn]] void refuse(PyObject *type, const char *why) {
    PyErr_SetString(type, why);
    throw Raised();
}

PyObject *made(PyObject *object) {
    if (object == nullptr) throw Raised();
    return object;
}

struct Change {
    const uint8_t *key;
    const uint8_t *value;  // null to remove
};

bool bit_of(const uint8_t *key, int depth) { return key[depth >> 3] >> (7 - (depth & 7)) & 1; }

// Below, a node is a borrowed reference, null where Python has None. Of a tree that somebody made
// up, every part is looked at before it is used: no argument must crash the interpreter.
PyObject *node_or_null(PyObject *node) { return node == Py_None ? nullptr : node; }

bool is_leaf(PyObject *node) { return node != nullptr && PyTuple_Size(node) == 2; }

void require_node(PyObject *node) {
    if (!PyTuple_CheckExact(node)) refuse(PyExc_TypeError, "a node is a tuple or None");
    const Py_ssize_t size = PyTuple_Size(node);
    if (size != 2 && size != 3) refuse(PyExc_ValueError, "a node has two or three parts");
}

const uint8_t *bytes_of_part(PyObject *node, Py_ssize_t part, size_t size) {
    PyObject *bytes = PyTuple_GetItem(node, part);
    if (!PyBytes_CheckExact(bytes)) refuse(PyExc_TypeError, "hashes, keys and values are bytes");
    if (size_t(PyBytes_Size(bytes)) != size)
        refuse(PyExc_ValueError, "a part of a node has another length");
    return reinterpret_cast<const uint8_t *>(PyBytes_AsString(bytes));
}

const uint8_t *hash_of(PyObject *node) { return bytes_of_part(node, 0, HASH_BYTES); }
const uint8_t *content_of(PyObject *leaf) { return bytes_of_part(leaf, 1, PAIR_BYTES); }

// While it lives, other threads of Python's run: nothing of Python's may be touched but bytes that
// somebody holds meanwhile.
class WithoutLock {
   public:
    WithoutLock() : state_(PyEval_SaveThread()) {}
    ~WithoutLock() { PyEval_RestoreThread(state_); }
    WithoutLock(const WithoutLock &) = delete;

   private:
    PyThreadState *const state_;
};

// Less work is not worth giving the lock back: it may take a while to get it again.
constexpr size_t WITH_LOCK_BELOW = 128;

template <class Work> void without_lock(size_t things, Work work) {
    if (things < WITH_LOCK_BELOW) return work();
    const WithoutLock unlocked;
    work();
}

// A tree is large and visited at random places: what will be read is called for ahead.
void fetch(const void *address) {
    __builtin_prefetch(address);
    __builtin_prefetch(static_cast<const char *>(address) + 48);
}

// A tuple of what it steals. The garbage collector stops to track a tuple of what it does not track,
// but only when it looks, and of a new tree only one level at each look.
PyObject *untracked_tuple(PyObject *const *parts, int size) {
    PyObject *tuple = PyTuple_New(size);
    bool is_tracked = false;
    for (int i = 0; i < size; i++) {
        is_tracked = is_tracked || PyObject_GC_IsTracked(parts[i]);
        if (tuple == nullptr)
            Py_DECREF(parts[i]);
        else
            PyTuple_SetItem(tuple, i, parts[i]);
    }
    if (!is_tracked && tuple != nullptr) PyObject_GC_UnTrack(tuple);
    return made(tuple);
}

PyObject *new_node(const uint8_t *digest, PyObject *left, PyObject *right) {
    PyObject *hash = made(bytes_of(digest, HASH_BYTES));
    PyObject *parts[] = {hash, Py_NewRef(left == nullptr ? Py_None : left),
                         Py_NewRef(right == nullptr ? Py_None : right)};
    return untracked_tuple(parts, 3);
}

PyObject *new_leaf(const uint8_t *digest, Reference content) {
    PyObject *parts[] = {made(bytes_of(digest, HASH_BYTES)), content.release()};
    return untracked_tuple(parts, 2);
}

// Messages of 64 bytes that are hashed together.
struct Pairs {
    std::vector<const uint8_t *> data;
    std::vector<size_t> sizes;
    std::vector<uint8_t> digests;

    void hash(const Kernels &kernels, const uint32_t *key, uint32_t mode) {
        sizes.resize(data.size(), PAIR_BYTES);
        digests.resize(data.size() * HASH_BYTES);
        without_lock(data.size(), [&] {
            kernels.blake3_many(data.data(), sizes.data(), data.size(), key, mode, digests.data());
        });
    }
    const uint8_t *digest(size_t index) const { return &digests[index * HASH_BYTES]; }
};

// A subtree that changes reach, and what becomes of it.
struct Visit {
    PyObject *before;
    size_t low, high;  // its changes
    struct Half {
        PyObject *before = nullptr;
        size_t visit = 0;  // 0, which is the root's, if no change reaches it
    } halves[2];
    Reference after{nullptr};
    bool is_changed = false, goes_down = false;

    Visit(PyObject *node, size_t first, size_t end) : before(node), low(first), high(end) {}
    bool is_settled() const { return halves[0].visit == 0 && halves[1].visit == 0; }
    PyObject *now() const { return is_changed ? after.get() : before; }
    void become(PyObject *owned) {
        after = Reference(owned);
        is_changed = true;
    }
};

// Down the tree and up again, level by level: so the reads of a level overlap, and its hashes are
// made together, while other threads run. Changes are in the order of their keys, each key once.
class Update {
   public:
    Update(const Kernels &kernels, const uint32_t *leaf_key, const uint32_t *node_key,
           uint32_t mode, std::vector<Change> changes)
        : kernels_(kernels), leaf_key_(leaf_key), node_key_(node_key), mode_(mode),
          changes_(std::move(changes)) {}

    // A new reference to what becomes of a subtree at `depth`, which must live until then.
    PyObject *of(PyObject *root, int depth) {
        visits_.emplace_back(node_or_null(root), 0, changes_.size());
        std::vector<size_t> levels{0};  // where each begins
        while (levels.back() < visits_.size() && !changes_.empty()) {
            const size_t begin = levels.back(), end = visits_.size();
            for (size_t at = begin; at < end; at++) enter(at, depth);
            without_lock(end - begin, [&] {
                for (size_t at = begin; at < end; at++) divide(at, depth);
            });
            levels.push_back(end);
            depth++;
        }
        make_leaves();
        for (size_t level = levels.size() - 1; level-- > 0;)
            make_nodes(levels[level], levels[level + 1]);
        PyObject *now = visits_[0].now();
        return Py_NewRef(now == nullptr ? Py_None : now);
    }

   private:
    struct NewLeaf {
        size_t visit;
        Reference content;
    };

    // Finds the halves of a subtree, if changes go further down.
    void enter(size_t at, int depth) {
        Visit &visit = visits_[at];
        PyObject *node = visit.before;
        if (node != nullptr) require_node(node);
        const bool is_inner = node != nullptr && !is_leaf(node);
        if (!is_inner && settle(at)) return;
        if (depth == TREE_DEPTH) refuse(PyExc_ValueError, "a tree is deeper than its keys");
        visit.goes_down = true;
        if (is_inner) {
            for (int side = 0; side < 2; side++) {
                visit.halves[side].before = node_or_null(PyTuple_GetItem(node, 1 + side));
                fetch(visit.halves[side].before);
            }
        } else if (node != nullptr) {
            visit.halves[bit_of(content_of(node), depth)].before = node;
        }
    }

    // Gives each half its changes; nothing of Python's is touched here.
    void divide(size_t at, int depth) {
        if (!visits_[at].goes_down) return;
        const size_t low = visits_[at].low, high = visits_[at].high;
        const auto turn = std::partition_point(
            changes_.begin() + low, changes_.begin() + high,
            [depth](const Change &change) { return !bit_of(change.key, depth); });
        const size_t middle = size_t(turn - changes_.begin());
        reach(at, 0, low, middle);
        reach(at, 1, middle, high);
    }

    void reach(size_t at, int side, size_t low, size_t high) {
        if (low == high) return;
        Visit::Half &half = visits_[at].halves[side];
        PyObject *const node = half.before;
        half.visit = visits_.size();
        visits_.emplace_back(node, low, high);
    }

    // What one change makes of nothing or of a leaf, if that has at most one leaf again.
    bool settle(size_t at) {
        Visit &visit = visits_[at];
        if (visit.high - visit.low > 1) return false;
        const Change &change = changes_[visit.low];
        const uint8_t *content = visit.before == nullptr ? nullptr : content_of(visit.before);
        if (content != nullptr && memcmp(content, change.key, HASH_BYTES) != 0)
            return change.value == nullptr;
        if (change.value == nullptr) {
            if (content != nullptr) visit.become(nullptr);
        } else if (content == nullptr ||
                   memcmp(content + HASH_BYTES, change.value, HASH_BYTES) != 0) {
            leaves_.push_back(at);
        }
        return true;
    }

    void make_leaves() {
        References contents;
        contents.reserve(leaves_.size());
        pairs_.data.clear();
        for (const size_t at : leaves_) {
            const Change &change = changes_[visits_[at].low];
            contents.emplace_back(made(PyBytes_FromStringAndSize(nullptr, PAIR_BYTES)));
            auto *data = reinterpret_cast<uint8_t *>(PyBytes_AsString(contents.back().get()));
            memcpy(data, change.key, HASH_BYTES);
            memcpy(data + HASH_BYTES, change.value, HASH_BYTES);
            pairs_.data.push_back(data);
        }
        pairs_.hash(kernels_, leaf_key_, mode_);
        for (size_t i = 0; i < leaves_.size(); i++)
            visits_[leaves_[i]].become(new_leaf(pairs_.digest(i), std::move(contents[i])));
    }

    // The nodes of a level, over those of the level below.
    void make_nodes(size_t begin, size_t end) {
        unmade_.clear();
        for (size_t at = begin; at < end; at++)
            if (!visits_[at].is_settled() && !rises(at)) unmade_.push_back(at);
        joined_.resize(unmade_.size() * PAIR_BYTES);
        pairs_.data.clear();
        for (const size_t at : unmade_) {
            uint8_t *pair = &joined_[pairs_.data.size() * PAIR_BYTES];
            for (int side = 0; side < 2; side++) {
                PyObject *half = half_of(at, side);
                const uint8_t *hash = half == nullptr ? ZERO_HASH : hash_of(half);
                memcpy(pair + side * HASH_BYTES, hash, HASH_BYTES);
            }
            pairs_.data.push_back(pair);
        }
        pairs_.hash(kernels_, node_key_, mode_);
        for (size_t i = 0; i < unmade_.size(); i++) {
            const size_t at = unmade_[i];
            visits_[at].become(new_node(pairs_.digest(i), half_of(at, 0), half_of(at, 1)));
        }
    }

    // Whether a subtree needs no new node: nothing changed, or one leaf or nothing is left.
    bool rises(size_t at) {
        Visit &visit = visits_[at];
        PyObject *halves[2] = {half_of(at, 0), half_of(at, 1)};
        if (halves[0] == visit.halves[0].before && halves[1] == visit.halves[1].before) return true;
        for (PyObject *half : halves) {
            if (half == nullptr) continue;
            require_node(half);
            fetch(PyTuple_GetItem(half, 0));
        }
        if (halves[0] != nullptr && halves[1] != nullptr) return false;
        PyObject *other = halves[0] == nullptr ? halves[1] : halves[0];
        if (other != nullptr && !is_leaf(other)) return false;
        visit.become(Py_XNewRef(other));
        return true;
    }

    PyObject *half_of(size_t at, int side) const {
        const Visit::Half &half = visits_[at].halves[side];
        return half.visit == 0 ? half.before : visits_[half.visit].now();
    }

    const Kernels &kernels_;
    const uint32_t *leaf_key_, *node_key_;
    const uint32_t mode_;
    const std::vector<Change> changes_;
    std::vector<Visit> visits_;
    std::vector<size_t> leaves_, unmade_;  // visits
    std::vector<uint8_t> joined_;
    Pairs pairs_;
};

void add_changes(const char *keys, Py_ssize_t size, const char *values,
                 std::vector<Change> &changes) {
    if (size_t(size) % HASH_BYTES != 0)
        refuse(PyExc_ValueError, "keys and values are 32 bytes each");
    const auto *key = reinterpret_cast<const uint8_t *>(keys);
    const auto *value = reinterpret_cast<const uint8_t *>(values);
    for (size_t at = 0; at < size_t(size); at += HASH_BYTES)
        changes.push_back({key + at, value == nullptr ? nullptr : value + at});
}

void sort_by_key(std::vector<Change> &changes) {
    const auto compare = [](const Change &a, const Change &b) {
        return memcmp(a.key, b.key, HASH_BYTES);
    };
    auto twice = changes.end();
    without_lock(changes.size(), [&] {
        std::sort(changes.begin(), changes.end(),
                  [&](const Change &a, const Change &b) { return compare(a, b) < 0; });
        twice = std::adjacent_find(
            changes.begin(), changes.end(),
            [&](const Change &a, const Change &b) { return compare(a, b) == 0; });
    });
    if (twice != changes.end()) refuse(PyExc_ValueError, "a key occurs twice");
}

}  // namespace

PyObject *update_sparse_tree(PyObject *, PyObject *arguments) {
    const char *name, *leaf_key, *node_key;
    char *keys, *values, *removed;
    Py_ssize_t leaf_key_size, node_key_size, keys_size, values_size, removed_size;
    unsigned mode;
    int depth;
    PyObject *root, *given[3];  // bytes: they are compared while others run, and must not change
    if (!PyArg_ParseTuple(arguments, "sy#y#IOiSSS", &name, &leaf_key, &leaf_key_size, &node_key,
                          &node_key_size, &mode, &root, &depth, &given[0], &given[1], &given[2]) ||
        PyBytes_AsStringAndSize(given[0], &keys, &keys_size) < 0 ||
        PyBytes_AsStringAndSize(given[1], &values, &values_size) < 0 ||
        PyBytes_AsStringAndSize(given[2], &removed, &removed_size) < 0)
        return nullptr;
    TreeKeys tree;
    const Kernels *kernels = kernels_and_keys(name, {leaf_key, size_t(leaf_key_size)},
                                              {node_key, size_t(node_key_size)}, tree);
    if (kernels == nullptr) return nullptr;
    try {
        if (depth < 0 || depth > TREE_DEPTH) refuse(PyExc_ValueError, "no tree is so deep");
        if (keys_size != values_size) refuse(PyExc_ValueError, "a value for each key");
        std::vector<Change> changes;
        add_changes(keys, keys_size, values, changes);
        add_changes(removed, removed_size, nullptr, changes);
        sort_by_key(changes);
        return Update(*kernels, tree.leaf, tree.node, mode, std::move(changes)).of(root, depth);
    } catch (const Raised &) {
        return nullptr;
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

}  // namespace aichain
