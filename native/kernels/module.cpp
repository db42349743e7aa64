// The Python module `native._vector`, in the limited API of Python 3.11.
#include "module.h"

#include "python_values.h"

namespace {

PyObject *instruction_sets(PyObject *, PyObject *) {
    const std::vector<const aichain::Kernels *> found = aichain::available();
    PyObject *names = PyTuple_New(Py_ssize_t(found.size()));
    for (size_t i = 0; names != nullptr && i < found.size(); i++)
        PyTuple_SetItem(names, Py_ssize_t(i), PyUnicode_FromString(found[i]->name));
    return names;
}

PyMethodDef MODULE_METHODS[] = {
    {"instruction_sets", instruction_sets, METH_NOARGS,
     "Those that this processor has, the best first."},
    {"blake3_many", aichain::blake3_many, METH_VARARGS,
     "Digests side by side, under a key and a mode; None if a message is longer than 1,024 bytes."},
    {"sha3_many", aichain::sha3_many, METH_VARARGS, "Digests side by side, with a padding."},
    {"merkle_top", aichain::merkle_top, METH_VARARGS,
     "The top of a binary tree over leaves; None if one is longer than 1,024 bytes."},
    {"update_sparse_tree", aichain::update_sparse_tree, METH_VARARGS,
     "A tree of `native.sparse_tree` with values under keys, and without what is removed."},
    {"kinds_of", aichain::kinds_of, METH_VARARGS,
     "Of keys, contexts and signatures: a byte each, the parameter set's level; 0 for no such."},
    {"message_sizes", aichain::message_sizes, METH_VARARGS,
     "Of contexts, or None, and messages: bytes of all M' together, and of the longest."},
    {"put_parts", aichain::put_parts, METH_VARARGS,
     "Side by side into a buffer from a place on; where they end."},
    {"put_messages", aichain::put_messages, METH_VARARGS,
     "M' of each, or what is hashed as it is, into a buffer, and where each ends; where all do."},
    {"expand_key", aichain::expand_key, METH_VARARGS,
     "For tests: an expanded key, its matrix from so many first blocks or from streams."},
    {"sample_in_ball", aichain::sample_in_ball, METH_VARARGS, "For tests: FIPS 204, algorithm 29."},
    {"multiply", aichain::multiply, METH_VARARGS, "For tests: a product modulo x^256 + 1 and q."},
    {nullptr, nullptr, 0, nullptr}};

int module_exec(PyObject *module) {
    PyObject *type = aichain::make_verifier_type();
    return type == nullptr ? -1 : PyModule_AddObject(module, "Verifier", type);
}

PyModuleDef_Slot MODULE_SLOTS[] = {{Py_mod_exec, reinterpret_cast<void *>(module_exec)},
                                   {0, nullptr}};

PyModuleDef MODULE = {PyModuleDef_HEAD_INIT, "_vector", "Batch verification on vector units.", 0,
                      MODULE_METHODS,        MODULE_SLOTS, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__vector() { return PyModuleDef_Init(&MODULE); }
