// What the compilers of processors and of GPUs call differently. NVRTC, which compiles the shared
// headers for GPUs, has no headers of its own.
#pragma once

#if defined(__CUDACC_RTC__)
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "words are read as they lie in memory, low byte first: elsewhere Python hashes and verifies"
#endif
#endif

#if defined(__CUDACC__)
#define AIC_FN __device__ inline
#define AIC_INLINE __device__ inline
#define AIC_CONSTANT static __constant__ constexpr  // all lanes read one place at a time
#define AIC_TABLE static __device__ constexpr       // each lane reads another place
#define AIC_UNROLL _Pragma("unroll 25")
#else
#define AIC_FN inline
// What works on an array of vectors: only inside its caller they stay in registers.
#define AIC_INLINE __attribute__((always_inline)) inline
#define AIC_CONSTANT constexpr
#define AIC_TABLE inline constexpr
#define AIC_UNROLL _Pragma("GCC unroll 25")
#endif
