// The kernels as NVRTC compiles them. Arguments come as one value, of 8 bytes a field.
#include "kernels.h"

namespace aichain {
namespace gpu {

#define AIC_KERNEL(name, ...)                                                                    \
    extern "C" __global__ void __launch_bounds__(__VA_ARGS__::LANES) name(                       \
        const __VA_ARGS__ kernel) {                                                              \
        __shared__ __VA_ARGS__::Shared shared;                                                   \
        kernel.run(Block<__VA_ARGS__::Shared>{shared, blockIdx.x});                              \
    }
#include "entries.h"
#undef AIC_KERNEL

}  // namespace gpu
}  // namespace aichain
