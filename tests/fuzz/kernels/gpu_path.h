// What the kernels of a GPU make of one signature under several messages, after each step.
#pragma once

#include <stdint.h>

#include <vector>

#include "../../../native/kernels/parameters.h"

namespace aichain {

struct Signed {
    std::vector<uint8_t> message;  // M', or mu where the host has hashed it
    bool is_hashed;
};

struct Trace {
    bool is_parsed = false;  // the order of its hints, and then these
    uint8_t mu[MU_BYTES] = {};
    int32_t challenge[N] = {};
    bool is_recovered = false;  // z and the hints are in range, and then this
    std::vector<uint8_t> w1;
    bool is_valid = false;
};

// The expanded key, as it lies in memory.
template <class P> std::vector<uint8_t> expand_on_gpu(const uint8_t *public_key, bool is_backwards);

// One trace a message.
template <class P>
std::vector<Trace> trace_on_gpu(const std::vector<uint8_t> &expanded_key, const uint8_t *signature,
                                const std::vector<Signed> &messages, bool is_backwards);

}  // namespace aichain
