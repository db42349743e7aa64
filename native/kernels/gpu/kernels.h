// All kernels of the GPU, on lanes that are plain scalars.
#pragma once

#define ISA_NAMESPACE gpu
#include "../lanes_scalar.h"
// these use the lanes
#include "expand.h"
#include "hash_batches.h"
#include "parse.h"
#include "recover.h"
#include "tally.h"
