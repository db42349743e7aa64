"""The kernels in their order: what is launched to expand keys and to verify a batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeAlias

from native.gpu.device import Device, Memory
from native.gpu.sections import SECTION_EXTRA_BYTES
from native.gpu.sizes import MU_BYTES, POLYNOMIAL_BYTES, Sizes
from native.gpu.staging import Sections

Order: TypeAlias = tuple[str, int, Sequence[int]]
"""A kernel, on how many things, with what arguments."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """Memory of the device for one batch of one parameter set at a time."""

    staged: Memory
    scratch_keys: Memory
    mu: Memory
    challenges: Memory
    w1: Memory
    verdicts: Memory

    @classmethod
    def allocate(
        cls, device: Device, sizes: Sizes, items: int, fresh_keys: int, staged_bytes: int
    ) -> Self:
        """For so many items, and so many keys that are expanded for them alone."""
        return cls(
            staged=device.allocate(staged_bytes),
            scratch_keys=device.allocate(max(1, fresh_keys * sizes.expanded_key_bytes)),
            mu=device.allocate(items * MU_BYTES),
            challenges=device.allocate(items * POLYNOMIAL_BYTES),
            w1=device.allocate(items * sizes.w1_bytes),
            verdicts=device.allocate(items + SECTION_EXTRA_BYTES),
        )


def orders_to_expand(sizes: Sizes, at: Sections, count: int) -> list[Order]:
    """Expand the keys of a batch that are not on the device yet."""
    arguments = (at.fresh_keys, at.fresh_addresses, count)
    return [
        (f"sample_matrix_{sizes.suffix}", count * sizes.streams, arguments),
        (f"hash_keys_{sizes.suffix}", count, arguments),
        (f"transform_t1_{sizes.suffix}", count, arguments),
    ]


def orders_to_verify(sizes: Sizes, space: Workspace, at: Sections, count: int) -> list[Order]:
    """Leave a verdict for each signature in the workspace."""
    mu, challenges, w1 = space.mu.address, space.challenges.address, space.w1.address
    verdicts = space.verdicts.address
    parse = (at.signatures, at.keys, at.messages, at.ends, at.is_hashed, mu, challenges)
    return [
        (f"parse_{sizes.suffix}", count, (*parse, verdicts, count)),
        (
            f"recover_{sizes.suffix}",
            count,
            (at.signatures, at.keys, challenges, w1, verdicts, count),
        ),
        (f"compare_{sizes.suffix}", count, (at.signatures, mu, w1, verdicts, count)),
    ]
