// The kernels in AVX-512.
#if defined(__x86_64__)
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi,bmi2,popcnt")
#endif
#define ISA_NAMESPACE avx512
#include "lanes_avx512.h"
#include "kernels_of_isa.h"

namespace aichain {
extern const Kernels AVX512_KERNELS = avx512::kernels("avx512");
}
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
