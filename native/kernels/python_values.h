// What the parts of the Python module have in common: references, and views of its values.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels.h"
#include "key_cache.h"

namespace aichain {

// A reference that is given back.
class Reference {
   public:
    explicit Reference(PyObject *object) : object_(object) {}
    ~Reference() { Py_XDECREF(object_); }
    Reference(Reference &&other) noexcept : object_(other.object_) { other.object_ = nullptr; }
    Reference &operator=(Reference &&other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    Reference(const Reference &) = delete;
    PyObject *get() const { return object_; }
    PyObject *release() { return std::exchange(object_, nullptr); }

   private:
    PyObject *object_;
};

// What a batch points into must live as long as it does.
using References = std::vector<Reference>;

// The instruction sets of this build that this processor has, the best first.
inline std::vector<const Kernels *> available() {
    std::vector<const Kernels *> found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    // All that avx2.cpp and avx512.cpp are compiled for: a hypervisor may hide any of it.
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                          __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
    if (has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        found.push_back(&aichain::AVX512_KERNELS);
    if (has_avx2) found.push_back(&aichain::AVX2_KERNELS);
#endif
    found.push_back(&aichain::PORTABLE_KERNELS);
    return found;
}

inline const Kernels *kernels_called(const char *name) {
    for (const Kernels *kernels : available())
        if (std::string(kernels->name) == name) return kernels;
    PyErr_Format(PyExc_ValueError, "this processor has no instruction set %s", name);
    return nullptr;
}

inline bool view_of(PyObject *object, std::string_view &view) {
    char *data;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(object, &data, &size) < 0) return false;
    view = {data, size_t(size)};
    return true;
}

inline PyObject *bytes_of(const void *data, size_t size) {
    return PyBytes_FromStringAndSize(static_cast<const char *>(data), Py_ssize_t(size));
}

// False with an exception set, if a key of BLAKE3 has another length.
inline bool words_of_key(const char *key, Py_ssize_t size, uint32_t (&words)[8]) {
    if (size != sizeof words) {
        PyErr_SetString(PyExc_ValueError, "a key is 32 bytes");
        return false;
    }
    memcpy(words, key, sizeof words);
    return true;
}

// The keys under which a tree hashes its leaves and its inner nodes.
struct TreeKeys {
    uint32_t leaf[8], node[8];
};

// Null with an exception set, if there are no such kernels or keys.
inline const Kernels *kernels_and_keys(const char *name, std::string_view leaf,
                                       std::string_view node, TreeKeys &keys) {
    if (!words_of_key(leaf.data(), Py_ssize_t(leaf.size()), keys.leaf) ||
        !words_of_key(node.data(), Py_ssize_t(node.size()), keys.node))
        return nullptr;
    return kernels_called(name);
}

inline bool key_of(PyObject *object, PublicKey &key) {
    if (!view_of(object, key.bytes)) return false;
    const Py_hash_t hash = PyObject_Hash(object);  // SipHash under a secret of this process
    key.hash = uint64_t(hash);
    return hash != -1;
}

}  // namespace aichain
