// What a peer can send to the kernels, for a fuzzer: a key, a signature, a context and a message.
//
// Every instruction set must give the same verdict, and the decoders of a signature and of a key
// must agree with loops that are FIPS 204's algorithms line by line. The kernels of a GPU, lane by
// lane, forwards or backwards as a byte of the input says, must leave after each step what the
// processor's functions make. An input is laid out as
//     selector | signature | public key | size of the context | context | message
// where the selector's low bits name the parameter set; what is missing at the end is zeros.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <vector>

#include "../../../native/kernels/parameters.h"
#include "../../../native/kernels/verifier.h"
#define ISA_NAMESPACE decoders
#include "../../../native/kernels/lanes_scalar.h"
// these use the one above
#include "../../../native/kernels/encoding.h"
#include "../../../native/kernels/ntt.h"
#include "../../../native/kernels/sponge.h"
// these use the ones above
#include "../../../native/kernels/sampling.h"
#include "../../../native/kernels/verify.h"
#include "gpu_path.h"

// How many were valid: where none is, nothing is compared of what comes after the first refusal.
unsigned long aichain_valid_inputs = 0;

namespace {

using namespace aichain;

void require(bool holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

// Bit number `index` of bytes, the lowest of each byte first (algorithm 13, BytesToBits).
int bit_at(const uint8_t *bytes, size_t index) { return bytes[index / 8] >> (index % 8) & 1; }

// The integer of `bits` bits that begins at bit `first` (algorithm 10, BitsToInteger).
int32_t integer_at(const uint8_t *bytes, size_t first, int bits) {
    int32_t x = 0;
    for (int i = bits - 1; i >= 0; i--) x = 2 * x + bit_at(bytes, first + size_t(i));
    return x;
}

// Algorithm 21, HintBitUnpack; false is its ⊥.
template <class P> bool hint_bit_unpack(const uint8_t *y, uint8_t (*h)[N]) {
    memset(h, 0, size_t(P::K) * N);
    int index = 0;
    for (int i = 0; i < P::K; i++) {
        if (y[P::OMEGA + i] < index || y[P::OMEGA + i] > P::OMEGA) return false;
        const int first = index;
        while (index < y[P::OMEGA + i]) {
            if (index > first) {
                if (y[index - 1] >= y[index]) return false;
            }
            h[i][y[index]] = 1;
            index = index + 1;
        }
    }
    for (int i = index; i <= P::OMEGA - 1; i++) {
        if (y[i] != 0) return false;
    }
    return true;
}

template <class P> void check_hints(const uint8_t *signature) {
    const size_t size = P::OMEGA + P::K;
    const std::unique_ptr<uint8_t[]> bytes(new uint8_t[size]);  // so that reads past it show
    memcpy(bytes.get(), signature + P::SIGNATURE_BYTES - size, size);
    uint8_t fast[P::K][N] = {}, slow[P::K][N];
    const bool is_valid = decoders::read_hints<P>(
        bytes.get(), [&fast](int row, int place) { fast[row][place] = 1; });
    require(is_valid == hint_bit_unpack<P>(bytes.get(), slow), "hints: another verdict");
    for (int i = 0; is_valid && i < P::K; i++)
        for (int j = 0; j < N; j++)
            require(fast[i][j] == slow[i][j], "hints: another vector");
}

// Algorithm 19, BitUnpack, and the bound of algorithm 8, line 13.
template <class P> void check_z(const uint8_t *signature) {
    for (int part = 0; part < P::L; part++) {
        const uint8_t *bytes = signature + P::C_BYTES + part * P::Z_BYTES;
        int32_t z[N];
        const bool is_valid = decoders::decode_z<P>(bytes, z);
        bool is_short = true;
        for (int i = 0; i < N; i++) {
            const int32_t slow = P::GAMMA1 - integer_at(bytes, size_t(i) * P::Z_BITS, P::Z_BITS);
            require(z[i] == slow, "z: another coefficient");
            is_short = is_short && abs(slow) < P::GAMMA1 - P::BETA;
        }
        require(is_valid == is_short, "z: another verdict");
    }
}

// Algorithm 18, SimpleBitUnpack, times 2^d.
template <class P> void check_t1(const uint8_t *public_key) {
    for (int row = 0; row < P::K; row++) {
        uint8_t bytes[P::T1_BYTES + 16];  // a lane reads up to 3 bytes more
        memcpy(bytes, public_key + SEED_BYTES + row * P::T1_BYTES, P::T1_BYTES);
        for (int i = 0; i < N; i++) {
            const int32_t slow = integer_at(bytes, size_t(i) * T1_BITS, T1_BITS) << D;
            require(decoders::decode_t1_at(bytes, i).v == slow, "t1: another coefficient");
        }
    }
}

// The engines of this processor, each with keys kept as a node keeps them.
std::vector<std::unique_ptr<Verifier>> &verifiers() {
    static std::vector<std::unique_ptr<Verifier>> all;
    if (all.empty()) {
        all.push_back(std::make_unique<Verifier>(PORTABLE_KERNELS, 4));
#if defined(__x86_64__)
        __builtin_cpu_init();
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
            all.push_back(std::make_unique<Verifier>(AVX2_KERNELS, 4));
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
            all.push_back(std::make_unique<Verifier>(AVX512_KERNELS, 4));
#endif
    }
    return all;
}

using Bytes = std::vector<uint8_t>;

// The processor's, and in it that of a GPU; a key that is asked for again is the last one mostly.
template <class P> const decoders::ExpandedKey<P> &expanded(const Bytes &public_key) {
    static decoders::ExpandedKey<P> key;
    static Bytes last;
    if (public_key == last) return key;
    const uint8_t *bytes = public_key.data();
    decoders::ExpandedKey<P> *const keys[] = {&key};
    decoders::expand_keys<P>(&bytes, keys, 1, FIRST_BLOCKS);
    const Bytes on_gpu = expand_on_gpu<P>(bytes, public_key[0] % 2 != 0);
    require(on_gpu.size() == sizeof key && memcmp(on_gpu.data(), &key, sizeof key) == 0,
            "a GPU expands another key");
    last = public_key;
    return key;
}

template <class P> void hash_message(const uint8_t *tr, const Bytes &message, uint8_t *mu) {
    decoders::Message parts;
    parts.add(tr, TR_BYTES);
    parts.add(message.data(), message.size());
    decoders::hash_lanes<decoders::SHAKE256_RATE, MU_BYTES>(&parts, 1, decoders::SHAKE_PADDING, &mu);
}

// What must come of one message after each step of a GPU.
template <class P>
Trace expected_trace(const decoders::ExpandedKey<P> &key, const uint8_t *signature,
                     const Signed &message, bool is_valid) {
    Trace trace;
    uint8_t hints[P::K][N];
    trace.is_parsed =
        hint_bit_unpack<P>(signature + P::SIGNATURE_BYTES - P::OMEGA - P::K, hints);
    if (message.is_hashed)
        memcpy(trace.mu, message.message.data(), MU_BYTES);
    else
        hash_message<P>(key.tr, message.message, trace.mu);
    decoders::sample_in_ball_from_stream<P>(decoders::ShakeReader(signature, P::C_BYTES),
                                            trace.challenge);
    alignas(64) int32_t challenge[N];
    memcpy(challenge, trace.challenge, sizeof challenge);
    trace.w1.resize(P::K * P::W1_BYTES);
    trace.is_recovered = decoders::recover_w1<P>(key, signature, challenge, trace.w1.data());
    trace.is_valid = is_valid;
    return trace;
}

template <class P>
void check_gpu(const Bytes &signature, const Bytes &public_key, const std::vector<Signed> &messages,
               const std::vector<bool> &verdicts) {
    const decoders::ExpandedKey<P> &key = expanded<P>(public_key);
    const auto *raw = reinterpret_cast<const uint8_t *>(&key);
    const bool is_backwards = signature[0] % 2 != 0;
    const std::vector<Trace> traces = trace_on_gpu<P>(Bytes(raw, raw + sizeof key),
                                                      signature.data(), messages, is_backwards);
    for (size_t i = 0; i < messages.size(); i++) {
        const Trace &trace = traces[i];
        const Trace slow = expected_trace<P>(key, signature.data(), messages[i], verdicts[i]);
        require(trace.is_parsed == slow.is_parsed, "a GPU's hints: another verdict");
        require(trace.is_recovered == slow.is_recovered, "a GPU's z: another verdict");
        if (trace.is_parsed) {
            require(memcmp(trace.mu, slow.mu, sizeof slow.mu) == 0, "a GPU's mu is another");
            require(memcmp(trace.challenge, slow.challenge, sizeof slow.challenge) == 0,
                    "a GPU's challenge is another");
        }
        if (trace.is_recovered) require(trace.w1 == slow.w1, "a GPU's w1 is another");
        require(trace.is_valid == slow.is_valid, "a GPU's verdict is another");
    }
}

// All instruction sets', which must be one.
bool verdict_of(const Item &item, Interface interface) {
    uint8_t expected = 0;
    for (size_t i = 0; i < verifiers().size(); i++) {
        uint8_t verdict = 0xff;
        verifiers()[i]->verify({item}, interface, &verdict);
        if (i == 0) expected = verdict;
        require(verdict <= 1 && verdict == expected, "two instruction sets, two verdicts");
    }
    return expected;
}

template <class P> void check(const uint8_t *data, size_t size) {
    constexpr size_t HEAD = P::SIGNATURE_BYTES + P::PUBLIC_KEY_BYTES + 1;
    Bytes head(data, data + (size < HEAD ? size : HEAD));
    head.resize(HEAD);
    const size_t rest = size < HEAD ? 0 : size - HEAD;
    const size_t context_size = head[HEAD - 1] < rest ? head[HEAD - 1] : rest;
    // Each part in memory of its own, of its size.
    const Bytes signature(head.begin(), head.begin() + P::SIGNATURE_BYTES);
    const Bytes public_key(head.begin() + P::SIGNATURE_BYTES, head.end() - 1);
    const Bytes context(data + size - rest, data + size - rest + context_size);
    const Bytes message(data + size - rest + context_size, data + size);
    check_hints<P>(signature.data());
    check_z<P>(signature.data());
    check_t1<P>(public_key.data());
    const auto view = [](const Bytes &bytes) {
        return std::string_view(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    };
    const std::string_view key = view(public_key);
    const Item item{{key, std::hash<std::string_view>()(key)},
                    view(message), view(context), view(signature)};
    const bool pure = verdict_of(item, Interface::PURE);
    const bool internal = verdict_of(item, Interface::INTERNAL);

    Bytes whole{0, uint8_t(context.size())}, mu(MU_BYTES);
    whole.insert(whole.end(), context.begin(), context.end());
    whole.insert(whole.end(), message.begin(), message.end());
    hash_message<P>(expanded<P>(public_key).tr, whole, mu.data());
    if (pure) aichain_valid_inputs++;
    check_gpu<P>(signature, public_key, {{whole, false}, {message, false}, {mu, true}},
                 {pure, internal, pure});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    switch (data[0] % PARAMETER_SETS) {
        case 0: check<MlDsa44>(data + 1, size - 1); break;
        case 1: check<MlDsa65>(data + 1, size - 1); break;
        default: check<MlDsa87>(data + 1, size - 1);
    }
    return 0;
}
