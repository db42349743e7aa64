// The Python module `native._vector`, in the limited API of Python 3.11.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include <algorithm>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "parameters.h"
#include "verifier.h"

namespace {

using aichain::Interface;
using aichain::Item;
using aichain::Kernels;
using aichain::PublicKey;
using aichain::Verifier;

// A reference that is given back.
class Reference {
   public:
    explicit Reference(PyObject *object) : object_(object) {}
    ~Reference() { Py_XDECREF(object_); }
    Reference(Reference &&other) noexcept : object_(other.object_) { other.object_ = nullptr; }
    Reference(const Reference &) = delete;
    PyObject *get() const { return object_; }

   private:
    PyObject *object_;
};

// What a batch points into must live as long as it does.
using References = std::vector<Reference>;

// The instruction sets of this build that this processor has, the best first.
std::vector<const Kernels *> available() {
    std::vector<const Kernels *> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found.push_back(&aichain::AVX512_KERNELS);
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        found.push_back(&aichain::AVX2_KERNELS);
#endif
    found.push_back(&aichain::PORTABLE_KERNELS);
    return found;
}

const Kernels *kernels_called(const char *name) {
    for (const Kernels *kernels : available())
        if (std::string(kernels->name) == name) return kernels;
    PyErr_Format(PyExc_ValueError, "this processor has no instruction set %s", name);
    return nullptr;
}

bool view_of(PyObject *object, std::string_view &view) {
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &data, &size) < 0) return false;
    view = {data, size_t(size)};
    return true;
}

bool key_of(PyObject *object, PublicKey &key) {
    if (!view_of(object, key.bytes)) return false;
    const Py_hash_t hash = PyObject_Hash(object);  // SipHash under a secret of this process
    key.hash = uint64_t(hash);
    return hash != -1;
}

// The attribute `name` of `item`, which has to be bytes.
bool bytes_attribute(PyObject *item, PyObject *name, References &held, PyObject *&object) {
    object = PyObject_GetAttr(item, name);
    if (object == nullptr) return false;
    held.emplace_back(object);
    return true;
}

struct Names {
    PyObject *public_key, *message, *context, *signature;
};

Names names_of_item() {
    return {PyUnicode_InternFromString("public_key"), PyUnicode_InternFromString("message"),
            PyUnicode_InternFromString("context"), PyUnicode_InternFromString("signature")};
}

bool item_of(PyObject *object, const Names &names, References &held, Item &item) {
    PyObject *bytes;
    return bytes_attribute(object, names.public_key, held, bytes) &&
           key_of(bytes, item.public_key) && bytes_attribute(object, names.message, held, bytes) &&
           view_of(bytes, item.message) && bytes_attribute(object, names.context, held, bytes) &&
           view_of(bytes, item.context) && bytes_attribute(object, names.signature, held, bytes) &&
           view_of(bytes, item.signature);
}

struct VerifierObject {
    PyObject_HEAD Verifier *verifier;
};

Verifier &verifier_of(PyObject *self) {
    return *reinterpret_cast<VerifierObject *>(self)->verifier;
}

int verifier_init(PyObject *self, PyObject *arguments, PyObject *) {
    const char *name;
    Py_ssize_t recent_keys_max;
    if (!PyArg_ParseTuple(arguments, "sn", &name, &recent_keys_max)) return -1;
    if (recent_keys_max < 0) {
        PyErr_SetString(PyExc_ValueError, "a cache cannot hold fewer than no keys");
        return -1;
    }
    const Kernels *kernels = kernels_called(name);
    if (kernels == nullptr) return -1;
    try {
        auto verifier = std::make_unique<Verifier>(*kernels, size_t(recent_keys_max));
        delete reinterpret_cast<VerifierObject *>(self)->verifier;
        reinterpret_cast<VerifierObject *>(self)->verifier = verifier.release();
    } catch (const std::bad_alloc &) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

void verifier_dealloc(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    delete reinterpret_cast<VerifierObject *>(self)->verifier;
    reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

PyObject *verify(PyObject *self, PyObject *argument, Interface interface) {
    static const Names names = names_of_item();
    const Reference sequence(PySequence_Tuple(argument));  // a list might change meanwhile
    if (sequence.get() == nullptr) return nullptr;
    const Py_ssize_t count = PyTuple_Size(sequence.get());
    try {
        References held;
        held.reserve(size_t(count) * 4);
        std::vector<Item> items{size_t(count)};
        std::vector<uint8_t> verdicts(size_t(count), 0);
        for (Py_ssize_t i = 0; i < count; i++)
            if (!item_of(PyTuple_GetItem(sequence.get(), i), names, held, items[size_t(i)]))
                return nullptr;
        bool is_out_of_memory = false;
        Py_BEGIN_ALLOW_THREADS;
        try {
            verifier_of(self).verify(items, interface, verdicts.data());
        } catch (const std::bad_alloc &) {
            is_out_of_memory = true;
        }
        Py_END_ALLOW_THREADS;
        if (is_out_of_memory) return PyErr_NoMemory();
        PyObject *list = PyList_New(count);
        for (Py_ssize_t i = 0; list != nullptr && i < count; i++)
            PyList_SetItem(list, i, PyBool_FromLong(verdicts[size_t(i)]));
        return list;
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

PyObject *verifier_verify(PyObject *self, PyObject *items) {
    return verify(self, items, Interface::PURE);
}

PyObject *verifier_verify_internal(PyObject *self, PyObject *items) {
    return verify(self, items, Interface::INTERNAL);
}

PyObject *verifier_pin(PyObject *self, PyObject *argument) {
    const Reference sequence(PySequence_Tuple(argument));
    if (sequence.get() == nullptr) return nullptr;
    try {
        std::vector<PublicKey> keys{size_t(PyTuple_Size(sequence.get()))};
        for (size_t i = 0; i < keys.size(); i++)
            if (!key_of(PyTuple_GetItem(sequence.get(), Py_ssize_t(i)), keys[i])) return nullptr;
        bool is_out_of_memory = false;
        Py_BEGIN_ALLOW_THREADS;
        try {
            verifier_of(self).pin(keys);
        } catch (const std::bad_alloc &) {
            is_out_of_memory = true;
        }
        Py_END_ALLOW_THREADS;
        if (is_out_of_memory) return PyErr_NoMemory();
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
    Py_RETURN_NONE;
}

PyObject *verifier_counters(PyObject *self, PyObject *) {
    const aichain::CacheCounters c = verifier_of(self).counters();
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:K}", "hits", c.hits, "misses", c.misses, "evictions",
                         c.evictions, "pinned", c.pinned, "recent", c.recent);
}

PyMethodDef VERIFIER_METHODS[] = {
    {"verify", verifier_verify, METH_O, "One verdict an item (FIPS 204, algorithm 3)."},
    {"verify_internal", verifier_verify_internal, METH_O,
     "The same for algorithm 8: no context, the message as it is."},
    {"pin", verifier_pin, METH_O, "Keep these keys expanded, and those pinned before no longer."},
    {"counters", verifier_counters, METH_NOARGS, "What the key caches did, and what they hold."},
    {nullptr, nullptr, 0, nullptr}};

PyType_Slot VERIFIER_SLOTS[] = {
    {Py_tp_doc, const_cast<char *>("Verifies batches on one instruction set.")},
    {Py_tp_new, reinterpret_cast<void *>(PyType_GenericNew)},
    {Py_tp_init, reinterpret_cast<void *>(verifier_init)},
    {Py_tp_dealloc, reinterpret_cast<void *>(verifier_dealloc)},
    {Py_tp_methods, VERIFIER_METHODS},
    {0, nullptr}};

PyType_Spec VERIFIER_SPEC = {"native._vector.Verifier", sizeof(VerifierObject), 0,
                             Py_TPFLAGS_DEFAULT, VERIFIER_SLOTS};

PyObject *instruction_sets(PyObject *, PyObject *) {
    const std::vector<const Kernels *> found = available();
    PyObject *names = PyTuple_New(Py_ssize_t(found.size()));
    for (size_t i = 0; names != nullptr && i < found.size(); i++)
        PyTuple_SetItem(names, Py_ssize_t(i), PyUnicode_FromString(found[i]->name));
    return names;
}

// --- hashes ------------------------------------------------------------------------------------

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

PyObject *blake3_many(PyObject *, PyObject *arguments) {
    const char *name, *key;
    Py_ssize_t key_size;
    unsigned mode;
    PyObject *sequence;
    if (!PyArg_ParseTuple(arguments, "sy#IO", &name, &key, &key_size, &mode, &sequence))
        return nullptr;
    uint32_t words[8];
    if (key_size != sizeof words) {
        PyErr_SetString(PyExc_ValueError, "a key is 32 bytes");
        return nullptr;
    }
    memcpy(words, key, sizeof words);
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

PyObject *merkle_top(PyObject *, PyObject *arguments) {
    const char *name, *leaf_key, *node_key;
    Py_ssize_t leaf_key_size, node_key_size;
    unsigned mode;
    PyObject *leaves;
    if (!PyArg_ParseTuple(arguments, "sy#y#IO", &name, &leaf_key, &leaf_key_size, &node_key,
                          &node_key_size, &mode, &leaves))
        return nullptr;
    uint32_t leaf_words[8], node_words[8];
    if (leaf_key_size != sizeof leaf_words || node_key_size != sizeof node_words) {
        PyErr_SetString(PyExc_ValueError, "a key is 32 bytes");
        return nullptr;
    }
    memcpy(leaf_words, leaf_key, sizeof leaf_words);
    memcpy(node_words, node_key, sizeof node_words);
    const Kernels *kernels = kernels_called(name);
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
        std::vector<uint8_t> digests(count * DIGEST_BYTES);
        Py_BEGIN_ALLOW_THREADS;
        kernels->blake3_many(messages.data.data(), messages.sizes.data(), count, leaf_words, mode,
                             digests.data());
        fold_digests(*kernels, node_words, mode, count, digests.data());
        Py_END_ALLOW_THREADS;
        return PyBytes_FromStringAndSize(reinterpret_cast<char *>(digests.data()), DIGEST_BYTES);
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

// --- for tests ---------------------------------------------------------------------------------

const aichain::KernelsOfSet *set_with_key_of(const Kernels &kernels, Py_ssize_t size) {
    for (const aichain::KernelsOfSet &set : kernels.sets)
        if (set.public_key_bytes == size_t(size)) return &set;
    PyErr_SetString(PyExc_ValueError, "no parameter set has public keys of this length");
    return nullptr;
}

PyObject *bytes_of(const void *data, size_t size) {
    return PyBytes_FromStringAndSize(static_cast<const char *>(data), Py_ssize_t(size));
}

PyObject *expand_key(PyObject *, PyObject *arguments) {
    const char *name, *public_key;
    Py_ssize_t size;
    int first_blocks;
    if (!PyArg_ParseTuple(arguments, "sy#i", &name, &public_key, &size, &first_blocks))
        return nullptr;
    if (first_blocks < 0 || first_blocks > aichain::FIRST_BLOCKS) {
        PyErr_SetString(PyExc_ValueError, "the number of first blocks is out of range");
        return nullptr;
    }
    const Kernels *kernels = kernels_called(name);
    const auto *set = kernels == nullptr ? nullptr : set_with_key_of(*kernels, size);
    if (set == nullptr) return nullptr;
    constexpr std::align_val_t ALIGNMENT{64};
    void *key = ::operator new(set->expanded_key_bytes, ALIGNMENT, std::nothrow);
    if (key == nullptr) return PyErr_NoMemory();
    memset(key, 0, set->expanded_key_bytes);
    const auto *from = reinterpret_cast<const uint8_t *>(public_key);
    set->expand_keys(&from, &key, 1, first_blocks);
    PyObject *bytes = bytes_of(key, set->expanded_key_bytes);
    ::operator delete(key, ALIGNMENT);
    return bytes;
}

PyObject *sample_in_ball(PyObject *, PyObject *arguments) {
    const char *name, *seed;
    Py_ssize_t size;
    int public_key_bytes, from_stream;
    if (!PyArg_ParseTuple(arguments, "siy#p", &name, &public_key_bytes, &seed, &size, &from_stream))
        return nullptr;
    const Kernels *kernels = kernels_called(name);
    const auto *set = kernels == nullptr ? nullptr : set_with_key_of(*kernels, public_key_bytes);
    if (set == nullptr) return nullptr;
    if (size != set->challenge_bytes) {
        PyErr_SetString(PyExc_ValueError, "a challenge has another length");
        return nullptr;
    }
    int32_t c[aichain::N];
    set->sample_in_ball(reinterpret_cast<const uint8_t *>(seed), from_stream != 0, c);
    return bytes_of(c, sizeof c);
}

PyObject *multiply(PyObject *, PyObject *arguments) {
    const char *name, *a, *b;
    Py_ssize_t a_size, b_size;
    if (!PyArg_ParseTuple(arguments, "sy#y#", &name, &a, &a_size, &b, &b_size)) return nullptr;
    int32_t x[aichain::N], y[aichain::N], product[aichain::N];
    if (a_size != sizeof x || b_size != sizeof y) {
        PyErr_SetString(PyExc_ValueError, "a polynomial has 256 coefficients of 4 bytes");
        return nullptr;
    }
    const Kernels *kernels = kernels_called(name);
    if (kernels == nullptr) return nullptr;
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    kernels->multiply(x, y, product);
    return bytes_of(product, sizeof product);
}

PyMethodDef MODULE_METHODS[] = {
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Those that this processor has, the best first."},
    {"blake3_many", blake3_many, METH_VARARGS,
     "Digests side by side, under a key and a mode; None if a message is longer than 1,024 bytes."},
    {"sha3_many", sha3_many, METH_VARARGS, "Digests side by side, with a padding."},
    {"merkle_top", merkle_top, METH_VARARGS,
     "The top of a binary tree over leaves; None if one is longer than 1,024 bytes."},
    {"expand_key", expand_key, METH_VARARGS,
     "For tests: an expanded key, its matrix from so many first blocks or from streams."},
    {"sample_in_ball", sample_in_ball, METH_VARARGS, "For tests: FIPS 204, algorithm 29."},
    {"multiply", multiply, METH_VARARGS, "For tests: a product modulo x^256 + 1 and q."},
    {nullptr, nullptr, 0, nullptr}};

int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&VERIFIER_SPEC);
    return type == nullptr ? -1 : PyModule_AddObject(module, "Verifier", type);
}

PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, reinterpret_cast<void *>(module_exec)},
                                   {0, nullptr}};

PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_vector", "Batch verification on vector units.", 0,
                      MODULE_METHODS,        MODULE_SLOTS, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__vector() { return PyModuleDef_Init(&MODULE); }
