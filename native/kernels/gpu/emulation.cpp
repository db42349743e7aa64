// The Python module `native._emulation`: runs the kernels of the GPU on this processor, one lane
// after the other, phase by phase. In the limited API of Python 3.11.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string>

#include "emulated_blocks.h"
#include "kernels.h"

namespace aichain {
namespace gpu {

namespace {

struct Entry {
    const char *name;
    int lanes;
    size_t arguments_bytes;
    // False if there is no memory for what the lanes share.
    bool (*run)(const void *arguments, uint64_t blocks, bool is_backwards);
};

template <class Kernel> bool run_packed(const void *arguments, uint64_t blocks, bool is_backwards) {
    Kernel kernel;
    memcpy(&kernel, arguments, sizeof kernel);
    return run_blocks(kernel, blocks, is_backwards);
}

#define AIC_KERNEL(name, ...) \
    {#name, __VA_ARGS__::LANES, sizeof(__VA_ARGS__), run_packed<__VA_ARGS__>},
constexpr Entry ENTRIES[] = {
#include "entries.h"
};
#undef AIC_KERNEL

PyObject *run(PyObject *, PyObject *arguments) {
    const char *name, *packed;
    Py_ssize_t size, blocks;
    int is_backwards;
    if (!PyArg_ParseTuple(arguments, "sny#p", &name, &blocks, &packed, &size, &is_backwards))
        return nullptr;
    for (const Entry &entry : ENTRIES) {
        if (std::string(entry.name) != name) continue;
        if (size != Py_ssize_t(entry.arguments_bytes) || blocks < 0) {
            PyErr_Format(PyExc_ValueError, "%s takes %zd bytes of arguments, not %zd", name,
                         Py_ssize_t(entry.arguments_bytes), size);
            return nullptr;
        }
        bool is_done;
        Py_BEGIN_ALLOW_THREADS;
        is_done = entry.run(packed, uint64_t(blocks), is_backwards != 0);
        Py_END_ALLOW_THREADS;
        if (!is_done) return PyErr_NoMemory();
        Py_RETURN_NONE;
    }
    PyErr_Format(PyExc_ValueError, "no kernel is called %s", name);
    return nullptr;
}

PyObject *kernels(PyObject *, PyObject *) {
    PyObject *lanes = PyDict_New();
    for (const Entry &entry : ENTRIES) {
        PyObject *value = lanes == nullptr ? nullptr : PyLong_FromLong(entry.lanes);
        if (value == nullptr || PyDict_SetItemString(lanes, entry.name, value) < 0) {
            Py_XDECREF(value);
            Py_XDECREF(lanes);
            return nullptr;
        }
        Py_DECREF(value);
    }
    return lanes;
}

// What no key and no signature makes happen: a polynomial of A that needs more than five blocks, and
// a challenge that needs a second one.
constexpr int32_t SMALL_BOUND = Q / 4;

PyObject *sample_below(PyObject *, PyObject *arguments) {
    const char *seed;
    Py_ssize_t size;
    int row, column;
    if (!PyArg_ParseTuple(arguments, "y#ii", &seed, &size, &row, &column)) return nullptr;
    if (size != SEED_BYTES) {
        PyErr_SetString(PyExc_ValueError, "a seed has another length");
        return nullptr;
    }
    int32_t out[N];
    sample_uniform_from_stream<SMALL_BOUND>(reinterpret_cast<const uint8_t *>(seed), row, column,
                                            out);
    return Py_BuildValue("iy#", SMALL_BOUND, reinterpret_cast<const char *>(out),
                         Py_ssize_t(sizeof out));
}

PyObject *sample_ball_after(PyObject *, PyObject *arguments) {
    const char *seed;
    Py_ssize_t size;
    int skipped;
    if (!PyArg_ParseTuple(arguments, "y#i", &seed, &size, &skipped)) return nullptr;
    if (size != MlDsa65::C_BYTES) {
        PyErr_SetString(PyExc_ValueError, "a challenge of ML-DSA-65 has another length");
        return nullptr;
    }
    ShakeReader reader(reinterpret_cast<const uint8_t *>(seed), MlDsa65::C_BYTES);
    for (int i = 0; i < skipped; i++) reader.next();
    int32_t c[N];
    sample_in_ball_from_stream<MlDsa65>(reader, c);
    return PyBytes_FromStringAndSize(reinterpret_cast<const char *>(c), Py_ssize_t(sizeof c));
}

PyMethodDef METHODS[] = {
    {"kernels", kernels, METH_NOARGS, "The lanes of a block of each kernel."},
    {"run", run, METH_VARARGS,
     "Runs so many blocks of a kernel on packed arguments, lanes forwards or backwards."},
    {"sample_below", sample_below, METH_VARARGS,
     "For tests: FIPS 204, algorithm 30 with a smaller bound than q; the bound, and the polynomial."},
    {"sample_ball_after", sample_ball_after, METH_VARARGS,
     "For tests: algorithm 29 of ML-DSA-65, from so many bytes further on in its stream."},
    {nullptr, nullptr, 0, nullptr}};

PyModuleDef_Slot SLOTS[] = {{0, nullptr}};

PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_emulation", "GPU kernels on this processor.", 0,
                      METHODS,               SLOTS,        nullptr, nullptr, nullptr};

}  // namespace

}  // namespace gpu
}  // namespace aichain

PyMODINIT_FUNC PyInit__emulation() { return PyModuleDef_Init(&aichain::gpu::MODULE); }
