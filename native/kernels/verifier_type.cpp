// The Python class `native._vector.Verifier`.
#include "verifier.h"

#include <memory>
#include <new>

#include "module.h"
#include "python_values.h"

namespace aichain {

namespace {

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

// Made whole at once: there is no verifier without kernels, and none that is set up twice.
PyObject *verifier_new(PyTypeObject *type, PyObject *arguments, PyObject *) {
    const char *name;
    Py_ssize_t recent_keys_max;
    if (!PyArg_ParseTuple(arguments, "sn", &name, &recent_keys_max)) return nullptr;
    if (recent_keys_max < 0) {
        PyErr_SetString(PyExc_ValueError, "a cache cannot hold fewer than no keys");
        return nullptr;
    }
    const Kernels *kernels = kernels_called(name);
    if (kernels == nullptr) return nullptr;
    try {
        auto verifier = std::make_unique<Verifier>(*kernels, size_t(recent_keys_max));
        const auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
        PyObject *self = allocate(type, 0);
        if (self != nullptr)
            reinterpret_cast<VerifierObject *>(self)->verifier = verifier.release();
        return self;
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
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
    {Py_tp_new, reinterpret_cast<void *>(verifier_new)},
    {Py_tp_dealloc, reinterpret_cast<void *>(verifier_dealloc)},
    {Py_tp_methods, VERIFIER_METHODS},
    {0, nullptr}};

PyType_Spec VERIFIER_SPEC = {"native._vector.Verifier", sizeof(VerifierObject), 0,
                             Py_TPFLAGS_DEFAULT, VERIFIER_SLOTS};

}  // namespace

PyObject *make_verifier_type() { return PyType_FromSpec(&VERIFIER_SPEC); }

}  // namespace aichain
