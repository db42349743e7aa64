// A driver for the target where there is no libFuzzer: it damages inputs of a corpus at random, and
// learns nothing from what they reach. Usage: PROGRAM seconds seed file...
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern unsigned long aichain_valid_inputs;

namespace {

using Input = std::vector<uint8_t>;

Input read(const char *path) {
    Input bytes;
    FILE *file = fopen(path, "rb");
    if (file == nullptr) {
        perror(path);
        exit(2);
    }
    for (int byte = fgetc(file); byte != EOF; byte = fgetc(file)) bytes.push_back(uint8_t(byte));
    fclose(file);
    return bytes;
}

class Mutations {
   public:
    Mutations(std::vector<Input> corpus, unsigned seed)
        : corpus_(std::move(corpus)), chance_(seed) {}

    Input next() {
        Input input = corpus_[below(corpus_.size())];
        for (size_t left = 1 + below(4); left > 0 && !input.empty(); left--) damage(input);
        return input;
    }

   private:
    size_t below(size_t limit) { return size_t(chance_() % limit); }

    // Half of all damage falls on the last bytes of a signature, which are hints: few, and with the
    // only rules that a decoder could forget.
    size_t place(const Input &input) {
        static constexpr size_t SIGNATURE_BYTES[] = {2420, 3309, 4627};
        const size_t end = 1 + SIGNATURE_BYTES[input[0] % 3];
        if (below(2) == 0 && input.size() > end) return end - 1 - below(84);
        return below(input.size());
    }

    void damage(Input &input) {
        static constexpr uint8_t EDGES[] = {0, 1, 54, 55, 56, 75, 80, 127, 128, 254, 255};
        const size_t at = place(input);
        switch (below(6)) {
            case 0: input[at] ^= uint8_t(1 << below(8)); break;
            case 1: input[at] = EDGES[below(sizeof EDGES)]; break;
            case 2: input[at] = uint8_t(below(256)); break;
            case 3: std::swap(input[at], input[at + 1 < input.size() ? at + 1 : at]); break;
            case 4: input[at] = input[at > 0 ? at - 1 : at]; break;
            default:
                if (below(8) == 0) input.resize(at);
        }
    }

    std::vector<Input> corpus_;
    std::mt19937 chance_;
};

}  // namespace

int main(int count, char **arguments) {
    if (count < 4) {
        fprintf(stderr, "usage: %s seconds seed file...\n", arguments[0]);
        return 2;
    }
    std::vector<Input> corpus;
    for (int i = 3; i < count; i++) corpus.push_back(read(arguments[i]));
    for (const Input &input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
    if (aichain_valid_inputs != corpus.size()) {
        fprintf(stderr, "%lu of %zu inputs of the corpus are valid\n", aichain_valid_inputs,
                corpus.size());
        return 1;
    }
    Mutations mutations(corpus, unsigned(atoi(arguments[2])));
    const time_t end = time(nullptr) + atoi(arguments[1]);
    unsigned long inputs = 0;
    for (; time(nullptr) < end; inputs++) {
        const Input input = mutations.next();
        LLVMFuzzerTestOneInput(input.data(), input.size());
    }
    printf("%lu inputs\n", inputs);
    printf("%lu of them valid\n", aichain_valid_inputs - corpus.size());
    return 0;
}
