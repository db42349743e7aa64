// The functions and the class of the Python module, each where its file says.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

namespace aichain {

PyObject *make_verifier_type();

PyObject *blake3_many(PyObject *, PyObject *arguments);
PyObject *sha3_many(PyObject *, PyObject *arguments);
PyObject *merkle_top(PyObject *, PyObject *arguments);
PyObject *update_sparse_tree(PyObject *, PyObject *arguments);
PyObject *kinds_of(PyObject *, PyObject *arguments);
PyObject *message_sizes(PyObject *, PyObject *arguments);
PyObject *put_parts(PyObject *, PyObject *arguments);
PyObject *put_messages(PyObject *, PyObject *arguments);
PyObject *expand_key(PyObject *, PyObject *arguments);
PyObject *sample_in_ball(PyObject *, PyObject *arguments);
PyObject *multiply(PyObject *, PyObject *arguments);

}  // namespace aichain
