// The kernels in AVX2.
#if defined(__x86_64__)
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif
#define ISA_NAMESPACE avx2
#include "lanes_avx2.h"
#include "kernels_of_isa.h"

namespace aichain {
extern const Kernels AVX2_KERNELS = avx2::kernels("avx2");
}
#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
