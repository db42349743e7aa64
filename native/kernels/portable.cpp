// The kernels in plain C++.
#define ISA_NAMESPACE portable
#include "lanes_scalar.h"
#include "kernels_of_isa.h"

namespace aichain {
extern const Kernels PORTABLE_KERNELS = portable::kernels("portable");
}
