// One signature to check, its key aside; what it points to is the caller's.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace aichain {

// H(tr || prefix || context || message) is signed: FIPS 204 algorithm 3 has the prefix 0x00 and the
// length of the context; the internal interface (algorithm 8 alone) has neither.
struct Request {
    const uint8_t *prefix;
    size_t prefix_size;
    const uint8_t *context;
    size_t context_size;
    const uint8_t *message;
    size_t message_size;
    const uint8_t *signature;
};

}  // namespace aichain
