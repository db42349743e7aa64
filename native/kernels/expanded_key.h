// What is kept of a public key.
#pragma once

#include "dialect.h"
#include "parameters.h"

namespace aichain {
namespace ISA_NAMESPACE {

// All of a public key that does not depend on what it signed.
template <class P> struct alignas(64) ExpandedKey {
    int32_t a[P::K][P::L][N];  // A, transformed
    int32_t t1[P::K][N];       // -t1 2^13, transformed
    uint8_t tr[TR_BYTES];      // H(pk)
};

}  // namespace ISA_NAMESPACE
}  // namespace aichain
