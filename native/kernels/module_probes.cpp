// What only tests call: steps of verification one by one.
#include <string.h>

#include <new>

#include "module.h"
#include "parameters.h"
#include "python_values.h"

namespace aichain {

namespace {

const KernelsOfSet *set_with_key_of(const Kernels &kernels, Py_ssize_t size) {
    for (const KernelsOfSet &set : kernels.sets)
        if (set.public_key_bytes == size_t(size)) return &set;
    PyErr_SetString(PyExc_ValueError, "no parameter set has public keys of this length");
    return nullptr;
}

}  // namespace

PyObject *expand_key(PyObject *, PyObject *arguments) {
    const char *name, *public_key;
    Py_ssize_t size;
    int first_blocks;
    if (!PyArg_ParseTuple(arguments, "sy#i", &name, &public_key, &size, &first_blocks))
        return nullptr;
    if (first_blocks < 0 || first_blocks > FIRST_BLOCKS) {
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
    int32_t c[N];
    set->sample_in_ball(reinterpret_cast<const uint8_t *>(seed), from_stream != 0, c);
    return bytes_of(c, sizeof c);
}

PyObject *multiply(PyObject *, PyObject *arguments) {
    const char *name, *a, *b;
    Py_ssize_t a_size, b_size;
    if (!PyArg_ParseTuple(arguments, "sy#y#", &name, &a, &a_size, &b, &b_size)) return nullptr;
    int32_t x[N], y[N], product[N];
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

}  // namespace aichain
