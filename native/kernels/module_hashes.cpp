// Hashes of many messages, for Python.
#include <string.h>

#include <algorithm>
#include <new>

#include "module.h"
#include "python_values.h"

namespace aichain {

namespace {

// The messages of a batch, held while it runs.
struct Messages {
    References held;
    std::vector<const uint8_t *> data;
    std::vector<size_t> sizes;

    size_t longest = 0;

    // False with an exception set, if one is not bytes.
    bool take(PyObject *argument) {
        held.emplace_back(PySequence_Tuple(argument));
        PyObject *sequence = held.back().get();
        if (sequence == nullptr) return false;
        const Py_ssize_t count = PyTuple_Size(sequence);
        data.reserve(size_t(count));
        sizes.reserve(size_t(count));
        for (Py_ssize_t i = 0; i < count; i++) {
            std::string_view view;
            if (!view_of(PyTuple_GetItem(sequence, i), view)) return false;
            longest = std::max(longest, view.size());
            data.push_back(reinterpret_cast<const uint8_t *>(view.data()));
            sizes.push_back(view.size());
        }
        return true;
    }
};

constexpr size_t DIGEST_BYTES = 32, CHUNK_BYTES = 1024;
// Of a tree that is hashed subtree by subtree, near the processor. A power of two: no pair reaches
// over the edge of a subtree, also where odd nodes rise.
constexpr size_t SUBTREE_LEAVES = 1024;

// Calls `hash` without the interpreter's lock; it fills the digests, which come back as bytes.
template <class Hash> PyObject *digests_of(const Messages &messages, Hash hash) {
    PyObject *bytes = PyBytes_FromStringAndSize(nullptr, Py_ssize_t(messages.data.size() * DIGEST_BYTES));
    if (bytes == nullptr) return nullptr;
    auto *out = reinterpret_cast<uint8_t *>(PyBytes_AsString(bytes));
    Py_BEGIN_ALLOW_THREADS;
    hash(out);
    Py_END_ALLOW_THREADS;
    return bytes;
}

// Folds digests pair by pair, in place, until one is left; an odd one goes up as it is.
void fold_digests(const Kernels &kernels, const uint32_t *key, uint32_t mode, size_t count,
                  uint8_t *digests) {
    constexpr size_t PAIRS_AT_ONCE = 256;
    const uint8_t *pairs[PAIRS_AT_ONCE];
    size_t sizes[PAIRS_AT_ONCE];
    for (size_t &size : sizes) size = 2 * DIGEST_BYTES;
    for (; count > 1; count = (count + 1) / 2) {
        for (size_t first = 0; first < count / 2; first += PAIRS_AT_ONCE) {
            const size_t n = std::min(PAIRS_AT_ONCE, count / 2 - first);
            for (size_t i = 0; i < n; i++) pairs[i] = digests + (first + i) * 2 * DIGEST_BYTES;
            // A vector of parents is stored after its pairs were read, and before the next ones.
            kernels.blake3_many(pairs, sizes, n, key, mode, digests + first * DIGEST_BYTES);
        }
        if (count % 2 == 1)
            memcpy(digests + count / 2 * DIGEST_BYTES, digests + (count - 1) * DIGEST_BYTES,
                   DIGEST_BYTES);
    }
}

}  // namespace

PyObject *blake3_many(PyObject *, PyObject *arguments) {
    const char *name, *key;
    Py_ssize_t key_size;
    unsigned mode;
    PyObject *sequence;
    if (!PyArg_ParseTuple(arguments, "sy#IO", &name, &key, &key_size, &mode, &sequence))
        return nullptr;
    uint32_t words[8];
    if (!words_of_key(key, key_size, words)) return nullptr;
    const Kernels *kernels = kernels_called(name);
    if (kernels == nullptr) return nullptr;
    try {
        Messages messages;
        if (!messages.take(sequence)) return nullptr;
        if (messages.longest > CHUNK_BYTES) Py_RETURN_NONE;
        return digests_of(messages, [&](uint8_t *out) {
            kernels->blake3_many(messages.data.data(), messages.sizes.data(), messages.data.size(),
                                 words, mode, out);
        });
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

PyObject *sha3_many(PyObject *, PyObject *arguments) {
    const char *name;
    int padding;
    PyObject *sequence;
    if (!PyArg_ParseTuple(arguments, "siO", &name, &padding, &sequence)) return nullptr;
    const Kernels *kernels = kernels_called(name);
    if (kernels == nullptr) return nullptr;
    try {
        Messages messages;
        if (!messages.take(sequence)) return nullptr;
        return digests_of(messages, [&](uint8_t *out) {
            kernels->sha3_many(messages.data.data(), messages.sizes.data(), messages.data.size(),
                               uint8_t(padding), out);
        });
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

PyObject *merkle_top(PyObject *, PyObject *arguments) {
    const char *name, *leaf_key, *node_key;
    Py_ssize_t leaf_key_size, node_key_size;
    unsigned mode;
    PyObject *leaves;
    if (!PyArg_ParseTuple(arguments, "sy#y#IO", &name, &leaf_key, &leaf_key_size, &node_key,
                          &node_key_size, &mode, &leaves))
        return nullptr;
    TreeKeys tree;
    const Kernels *kernels = kernels_and_keys(name, {leaf_key, size_t(leaf_key_size)},
                                              {node_key, size_t(node_key_size)}, tree);
    if (kernels == nullptr) return nullptr;
    try {
        Messages messages;
        if (!messages.take(leaves)) return nullptr;
        if (messages.longest > CHUNK_BYTES) Py_RETURN_NONE;
        const size_t count = messages.data.size();
        if (count == 0) {
            PyErr_SetString(PyExc_ValueError, "a tree has a leaf");
            return nullptr;
        }
        std::vector<uint8_t> digests(std::min(count, SUBTREE_LEAVES) * DIGEST_BYTES);
        std::vector<uint8_t> tops((count + SUBTREE_LEAVES - 1) / SUBTREE_LEAVES * DIGEST_BYTES);
        Py_BEGIN_ALLOW_THREADS;
        uint8_t *top = tops.data();
        for (size_t first = 0; first < count; first += SUBTREE_LEAVES) {
            const size_t n = std::min(SUBTREE_LEAVES, count - first);
            kernels->blake3_many(&messages.data[first], &messages.sizes[first], n, tree.leaf,
                                 mode, digests.data());
            fold_digests(*kernels, tree.node, mode, n, digests.data());
            memcpy(top, digests.data(), DIGEST_BYTES);
            top += DIGEST_BYTES;
        }
        fold_digests(*kernels, tree.node, mode, tops.size() / DIGEST_BYTES, tops.data());
        Py_END_ALLOW_THREADS;
        return bytes_of(tops.data(), DIGEST_BYTES);
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

}  // namespace aichain
