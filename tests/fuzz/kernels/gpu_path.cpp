// Runs the kernels of a GPU on this processor, as the emulated device does, for the fuzzer.
#include "gpu_path.h"

#include <stdlib.h>

#include "../../../native/kernels/gpu/emulated_blocks.h"
#include "../../../native/kernels/gpu/kernels.h"

namespace aichain {

namespace {

// Kernels may read so far behind what the host packs (native/gpu/sections.py), and no further.
constexpr size_t READ_BEYOND_BYTES = 16;

// Memory of its own, of just that size.
class Section {
   public:
    explicit Section(size_t size) : bytes_(size + READ_BEYOND_BYTES, 0xa5) {}
    uint8_t *data() { return bytes_.data(); }
    void put(size_t at, const void *from, size_t size) { memcpy(data() + at, from, size); }

   private:
    std::vector<uint8_t> bytes_;
};

template <class P> using Expanded = gpu::ExpandedKey<P>;

template <class Kernel> void run(const Kernel &kernel, uint64_t things, bool is_backwards) {
    const bool is_alone = std::is_same<typename Kernel::Shared, gpu::Nothing>::value;
    const uint64_t blocks = is_alone ? (things + gpu::THREADS - 1) / gpu::THREADS : things;
    if (!gpu::run_blocks(kernel, blocks, is_backwards)) abort();
}

}  // namespace

template <class P>
std::vector<uint8_t> expand_on_gpu(const uint8_t *public_key, bool is_backwards) {
    const std::unique_ptr<Expanded<P>> key(new Expanded<P>);
    memset(static_cast<void *>(key.get()), 0xa5, sizeof *key);
    Section packed(P::PUBLIC_KEY_BYTES);
    packed.put(0, public_key, P::PUBLIC_KEY_BYTES);
    Expanded<P> *const keys[] = {key.get()};
    run(gpu::SampleMatrix<P>{packed.data(), keys, 1}, gpu::SampleMatrix<P>::STREAMS, is_backwards);
    run(gpu::HashKeys<P>{packed.data(), keys, 1}, 1, is_backwards);
    run(gpu::TransformT1<P>{packed.data(), keys, 1}, 1, is_backwards);
    const auto *bytes = reinterpret_cast<const uint8_t *>(key.get());
    return {bytes, bytes + sizeof *key};
}

template <class P>
std::vector<Trace> trace_on_gpu(const std::vector<uint8_t> &expanded_key, const uint8_t *signature,
                                const std::vector<Signed> &messages, bool is_backwards) {
    const size_t count = messages.size();
    const std::unique_ptr<Expanded<P>> key(new Expanded<P>);
    memcpy(static_cast<void *>(key.get()), expanded_key.data(), sizeof *key);
    const std::vector<const Expanded<P> *> keys(count, key.get());
    Section signatures(count * P::SIGNATURE_BYTES), hashed(count);
    std::vector<uint8_t> text;
    std::vector<uint32_t> ends;
    for (size_t i = 0; i < count; i++) {
        signatures.put(i * P::SIGNATURE_BYTES, signature, P::SIGNATURE_BYTES);
        const uint8_t is_hashed = messages[i].is_hashed;
        hashed.put(i, &is_hashed, 1);
        text.insert(text.end(), messages[i].message.begin(), messages[i].message.end());
        ends.push_back(uint32_t(text.size()));
    }
    Section packed(text.size());
    if (!text.empty()) packed.put(0, text.data(), text.size());

    constexpr size_t W1_BYTES = P::K * P::W1_BYTES;
    std::vector<uint8_t> mu(count * MU_BYTES), w1(count * W1_BYTES), verdicts(count, 0xa5);
    std::vector<int32_t> challenges(count * N, -1);
    std::vector<Trace> traces(count);
    run(gpu::Parse<P>{signatures.data(), keys.data(), packed.data(), ends.data(), hashed.data(),
                      mu.data(), challenges.data(), verdicts.data(), count},
        count, is_backwards);
    for (size_t i = 0; i < count; i++) {
        traces[i].is_parsed = verdicts[i] == 1;
        memcpy(traces[i].mu, &mu[i * MU_BYTES], MU_BYTES);
        memcpy(traces[i].challenge, &challenges[i * N], sizeof traces[i].challenge);
    }
    run(gpu::Recover<P>{signatures.data(), keys.data(), challenges.data(), w1.data(),
                        verdicts.data(), count},
        count, is_backwards);
    for (size_t i = 0; i < count; i++) {
        traces[i].is_recovered = verdicts[i] == 1;
        traces[i].w1.assign(&w1[i * W1_BYTES], &w1[i * W1_BYTES] + W1_BYTES);
    }
    run(gpu::Compare<P>{signatures.data(), mu.data(), w1.data(), verdicts.data(), count}, count,
        is_backwards);
    for (size_t i = 0; i < count; i++) {
        if (verdicts[i] > 1) abort();
        traces[i].is_valid = verdicts[i] == 1;
    }
    return traces;
}

#define AIC_PATH(P)                                                                              \
    template std::vector<uint8_t> expand_on_gpu<P>(const uint8_t *, bool);                       \
    template std::vector<Trace> trace_on_gpu<P>(const std::vector<uint8_t> &, const uint8_t *,   \
                                                const std::vector<Signed> &, bool);
AIC_PATH(MlDsa44)
AIC_PATH(MlDsa65)
AIC_PATH(MlDsa87)

}  // namespace aichain
