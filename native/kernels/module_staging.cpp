// Bytes of many signatures on their way into the one copy that a GPU gets, for Python. The twins in
// `native/gpu/packing.py` are the definition. Nobody else may write to a buffer meanwhile: while
// bytes are copied, the interpreter's lock is not held.
#include <string.h>

#include <algorithm>
#include <new>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

#include "module.h"
#include "parameters.h"
#include "python_values.h"

namespace aichain {

namespace {

constexpr size_t CONTEXT_MAX_BYTES = 255, PREFIX_BYTES = 2;  // FIPS 204, algorithm 3
constexpr size_t LINE_BYTES = 64;
// A list as it is now, with views of its bytes; it holds them.
struct Column {
    Reference held{nullptr};
    std::vector<std::string_view> parts;

    // False with an exception set, if one is not bytes.
    bool take(PyObject *sequence) {
        held = Reference(PySequence_Tuple(sequence));
        if (held.get() == nullptr) return false;
        parts.resize(size_t(PyTuple_Size(held.get())));
        for (size_t i = 0; i < parts.size(); i++)
            if (!view_of(PyTuple_GetItem(held.get(), Py_ssize_t(i)), parts[i])) return false;
        return true;
    }
};

// Where the next part goes.
uint8_t *copied(std::string_view part, uint8_t *to) {
    memcpy(to, part.data(), part.size());
    return to + part.size();
}

#if defined(__x86_64__)

// The same past the caches: a device reads this from memory, and it is more than they hold.
uint8_t *streamed(std::string_view part, uint8_t *to) {
    const size_t to_line = (LINE_BYTES - uintptr_t(to) % LINE_BYTES) % LINE_BYTES;
    const size_t head = std::min(part.size(), to_line);
    to = copied(part.substr(0, head), to);
    part.remove_prefix(head);
    for (; part.size() >= LINE_BYTES; part.remove_prefix(LINE_BYTES), to += LINE_BYTES) {
        const auto *from = reinterpret_cast<const __m128i *>(part.data());
        auto *line = reinterpret_cast<__m128i *>(to);
        const __m128i pieces[] = {_mm_loadu_si128(from), _mm_loadu_si128(from + 1),
                                  _mm_loadu_si128(from + 2), _mm_loadu_si128(from + 3)};
        for (int i = 0; i < 4; i++) _mm_stream_si128(line + i, pieces[i]);
    }
    return copied(part, to);
}
void end_of_stream() { _mm_sfence(); }

#else

uint8_t *streamed(std::string_view part, uint8_t *to) { return copied(part, to); }
void end_of_stream() {}

#endif

bool refuse(const char *why) {
    PyErr_SetString(PyExc_ValueError, why);
    return false;
}

bool require_as_many(const Column &one, const Column &other) {
    return one.parts.size() == other.parts.size() || refuse("columns of different lengths");
}

// Memory of Python's that is written to.
class Target {
   public:
    ~Target() {
        if (is_held_) PyBuffer_Release(&buffer_);
    }
    bool take(PyObject *object) {
        is_held_ = PyObject_GetBuffer(object, &buffer_, PyBUF_WRITABLE) == 0;
        return is_held_;
    }
    // Null with an exception set, if it does not hold so many bytes from `start` on.
    uint8_t *room(Py_ssize_t start, size_t size) const {
        if (start < 0 || start > buffer_.len || size > size_t(buffer_.len - start)) {
            refuse("they do not fit there");
            return nullptr;
        }
        return static_cast<uint8_t *>(buffer_.buf) + start;
    }

   private:
    Py_buffer buffer_;
    bool is_held_ = false;
};

// What is signed, side by side: M' of each item, or what the host has hashed, as it is.
struct Messages {
    Column contexts, messages;
    bool has_contexts = false;

    bool take(PyObject *contexts_or_none, PyObject *sequence) {
        has_contexts = contexts_or_none != Py_None;
        if (has_contexts && !contexts.take(contexts_or_none)) return false;
        if (!messages.take(sequence)) return false;
        if (!has_contexts) return true;
        for (const std::string_view context : contexts.parts)
            if (context.size() > CONTEXT_MAX_BYTES) return refuse("a context is too long");
        return require_as_many(contexts, messages);
    }
    size_t size(size_t index, bool is_hashed) const {
        const size_t size = messages.parts[index].size();
        if (!has_contexts || is_hashed) return size;
        return PREFIX_BYTES + contexts.parts[index].size() + size;
    }
    uint8_t *put(size_t index, bool is_hashed, uint8_t *to) const {
        if (has_contexts && !is_hashed) {
            const std::string_view context = contexts.parts[index];
            *to++ = 0;
            *to++ = uint8_t(context.size());
            to = copied(context, to);
        }
        return copied(messages.parts[index], to);
    }
};

template <class P> bool has_lengths(std::string_view key, std::string_view signature) {
    return key.size() == P::PUBLIC_KEY_BYTES && signature.size() == P::SIGNATURE_BYTES;
}

char kind_of(std::string_view key, std::string_view context, std::string_view signature) {
    if (context.size() > CONTEXT_MAX_BYTES) return 0;
    if (has_lengths<MlDsa44>(key, signature)) return 2;
    if (has_lengths<MlDsa65>(key, signature)) return 3;
    return has_lengths<MlDsa87>(key, signature) ? 5 : 0;
}

// Calls `work`, and tells Python if there is no memory for it.
template <class Work> PyObject *with_memory(Work work) {
    try {
        return work();
    } catch (const std::bad_alloc &) {
        return PyErr_NoMemory();
    }
}

}  // namespace

PyObject *kinds_of(PyObject *, PyObject *arguments) {
    PyObject *lists[3];
    if (!PyArg_ParseTuple(arguments, "OOO", &lists[0], &lists[1], &lists[2])) return nullptr;
    return with_memory([&]() -> PyObject * {
        Column keys, contexts, signatures;
        if (!keys.take(lists[0]) || !contexts.take(lists[1]) || !signatures.take(lists[2]) ||
            !require_as_many(keys, contexts) || !require_as_many(keys, signatures))
            return nullptr;
        std::vector<char> kinds(keys.parts.size());
        for (size_t i = 0; i < kinds.size(); i++)
            kinds[i] = kind_of(keys.parts[i], contexts.parts[i], signatures.parts[i]);
        return bytes_of(kinds.data(), kinds.size());
    });
}

PyObject *message_sizes(PyObject *, PyObject *arguments) {
    PyObject *contexts, *sequence;
    if (!PyArg_ParseTuple(arguments, "OO", &contexts, &sequence)) return nullptr;
    return with_memory([&]() -> PyObject * {
        Messages messages;
        if (!messages.take(contexts, sequence)) return nullptr;
        size_t total = 0, longest = 0;
        for (size_t i = 0; i < messages.messages.parts.size(); i++) {
            const size_t size = messages.size(i, false);
            total += size;
            longest = std::max(longest, size);
        }
        return Py_BuildValue("nn", Py_ssize_t(total), Py_ssize_t(longest));
    });
}

PyObject *put_parts(PyObject *, PyObject *arguments) {
    PyObject *buffer, *sequence;
    Py_ssize_t start;
    if (!PyArg_ParseTuple(arguments, "OnO", &buffer, &start, &sequence)) return nullptr;
    return with_memory([&]() -> PyObject * {
        Target target;
        Column column;
        if (!target.take(buffer) || !column.take(sequence)) return nullptr;
        size_t total = 0;
        for (const std::string_view part : column.parts) total += part.size();
        uint8_t *to = target.room(start, total);
        if (to == nullptr) return nullptr;
        Py_BEGIN_ALLOW_THREADS;
        for (const std::string_view part : column.parts) to = streamed(part, to);
        end_of_stream();
        Py_END_ALLOW_THREADS;
        return PyLong_FromSsize_t(start + Py_ssize_t(total));
    });
}

PyObject *put_messages(PyObject *, PyObject *arguments) {
    PyObject *buffer, *contexts, *sequence, *flags;  // bytes: nobody may change what is measured
    Py_ssize_t ends_start, start, hashed_size;
    char *is_hashed;
    if (!PyArg_ParseTuple(arguments, "OnnOOS", &buffer, &ends_start, &start, &contexts, &sequence,
                          &flags) ||
        PyBytes_AsStringAndSize(flags, &is_hashed, &hashed_size) < 0)
        return nullptr;
    return with_memory([&]() -> PyObject * {
        Target target;
        Messages messages;
        if (!target.take(buffer) || !messages.take(contexts, sequence)) return nullptr;
        const size_t count = messages.messages.parts.size();
        if (size_t(hashed_size) != count) return refuse("columns of different lengths"), nullptr;
        size_t total = 0;
        for (size_t i = 0; i < count; i++) total += messages.size(i, is_hashed[i]);
        if (total > UINT32_MAX) return refuse("messages are too long"), nullptr;
        uint8_t *ends = target.room(ends_start, count * sizeof(uint32_t));
        uint8_t *const first = ends == nullptr ? nullptr : target.room(start, total);
        if (first == nullptr) return nullptr;
        Py_BEGIN_ALLOW_THREADS;
        uint8_t *to = first;
        for (size_t i = 0; i < count; i++) {
            to = messages.put(i, is_hashed[i], to);
            const uint32_t end = uint32_t(to - first);
            memcpy(ends + i * sizeof end, &end, sizeof end);
        }
        Py_END_ALLOW_THREADS;
        return PyLong_FromSsize_t(start + Py_ssize_t(total));
    });
}

}  // namespace aichain
