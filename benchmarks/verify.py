"""How fast ML-DSA signatures are made and checked: every engine here, and what others offer."""

from collections.abc import Callable, Iterator
from functools import partial

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from harness import Row, arguments, measure, measure_by_turns, report
from other_verifiers import other_verifiers

from native.backends import view_engines
from native.batch import verify_many
from native.compiled import INSTRUCTION_SETS
from native.cpu import OpenSSLEngine
from native.signatures import Algorithm, SignatureItem, SigningKey, parse_public_key
from native.vector import VectorEngine

CONTEXT = b"aichain/vote/v1"
MESSAGE = bytes(range(86))  # as long as a vote's signing bytes
BATCHES = (1, 8, 20, 64, 450)
ENGINE_BATCHES = (1, 20, 64, 1_024)
KEYS = 64
OTHERS_BATCH = 8
NAMES = (*INSTRUCTION_SETS, OpenSSLEngine.name)


def make_items(count: int, keys: list[SigningKey]) -> list[SignatureItem]:
    """Valid signatures, the keys taking turns."""
    signed = [(key, key.sign(MESSAGE, CONTEXT)) for key in keys[:count]]
    pairs = [signed[index % len(signed)] for index in range(count)]
    return [SignatureItem(key.public_key, MESSAGE, CONTEXT, signature) for key, signature in pairs]


def key_rows(repeats: int) -> Iterator[Row]:
    """Making keys and signatures, by parameter set."""
    for algorithm in Algorithm:
        key = SigningKey.from_seed(bytes(32), algorithm)
        work: dict[str, Callable[[], object]] = {
            "key from seed": partial(SigningKey.from_seed, bytes(32), algorithm),
            "parse public key": partial(parse_public_key, key.public_key),
            "sign": partial(key.sign, MESSAGE, CONTEXT),
        }
        for what, call in work.items():
            yield measure(call, repeats=repeats).row(f"{algorithm.name} {what}")


def batch_rows(repeats: int) -> Iterator[Row]:
    """Checking, a signature: `verify_many` with the default engine and its threads."""
    for algorithm in Algorithm:
        keys = [SigningKey.from_seed(bytes([n]) * 32, algorithm) for n in range(KEYS)]
        sizes = BATCHES if algorithm is Algorithm.ML_DSA_65 else (64,)
        for size in sizes:
            items = make_items(size, keys)
            assert all(verify_many(items))
            timing = measure(partial(verify_many, items), repeats=repeats, operations=size)
            yield timing.row(f"{algorithm.name} batch of {size}")


def engine_rows(repeats: int) -> Iterator[Row]:
    """Every engine in one thread: keys it knows and keys it has never seen."""
    items = make_items(ENGINE_BATCHES[-1], make_keys())
    for name in NAMES:
        engine = engine_with(name, 1, items)
        for size in ENGINE_BATCHES:
            batch = items[:size]
            assert all(engine.verify(batch))
            timing = measure(partial(engine.verify, batch), repeats=repeats, operations=size)
            yield timing.row(f"ML_DSA_65 batch of {size}, {name}, one thread")
        strange = strange_keys(name, items[:KEYS])
        timing = measure(strange, repeats=repeats, operations=KEYS)
        yield timing.row(f"ML_DSA_65 batch of {KEYS}, {name}, one thread, keys never seen")


def thread_rows(repeats: int) -> Iterator[Row]:
    """Two threads and one, by turns."""
    items = make_items(ENGINE_BATCHES[-1], make_keys())
    counts = (1, 2)
    for name in NAMES:
        works = [partial(engine_with(name, count, items).verify, items) for count in counts]
        timings = measure_by_turns(works, repeats=repeats, operations=len(items))
        for count, timing in zip(counts, timings, strict=True):
            yield timing.row(f"ML_DSA_65 batch of {len(items)}, {name}, threads: {count}")


def other_rows(repeats: int) -> Iterator[Row]:
    """The libraries of others, in one thread; a slow one for fewer samples."""
    items = make_items(OTHERS_BATCH, make_keys())
    for name, check in other_verifiers(items):
        assert all(check())
        timing = measure(check, repeats=min(repeats, 5), operations=len(items))
        yield timing.row(f"ML_DSA_65 batch of {len(items)}, {name}")


def make_keys() -> list[SigningKey]:
    """As many as take turns."""
    return [SigningKey.from_seed(bytes([number]) * 32) for number in range(KEYS)]


def engine_with(
    name: str, threads: int, items: list[SignatureItem]
) -> OpenSSLEngine | VectorEngine:
    """A new engine that knows the keys of these items."""
    engine = new_engine(name, threads)
    engine.pin(sorted({item.public_key for item in items}))
    return engine


def new_engine(name: str, threads: int = 1) -> OpenSSLEngine | VectorEngine:
    """A new engine, which knows no keys."""
    return OpenSSLEngine(threads) if name == OpenSSLEngine.name else VectorEngine(name, threads)


def strange_keys(name: str, items: list[SignatureItem]) -> Callable[[], object]:
    """All keys for the first time, each time."""
    if name == OpenSSLEngine.name:
        return lambda: OpenSSLEngine(1).verify(items)
    return partial(VectorEngine(name, threads=1, recent_keys_max=0).verify, items)


def bare_row(repeats: int) -> Row:
    """The library without anything of ours: the yardstick of every ratio."""
    key = SigningKey.from_seed(bytes(32))
    signature = key.sign(MESSAGE, CONTEXT)
    public = MLDSA65PublicKey.from_public_bytes(key.public_key)
    timing = measure(partial(public.verify, signature, MESSAGE, CONTEXT), repeats=repeats)
    return timing.row("ML_DSA_65 bare `cryptography`")


def main() -> None:
    """Run alone: `python benchmarks/verify.py [--json]`."""
    options = arguments("ML-DSA keys, signatures and their check")
    first = bare_row(options.repeats)
    parts = (key_rows, batch_rows, engine_rows, thread_rows, other_rows)
    rows = [row for part in parts for row in part(options.repeats)]
    bare = min(first, bare_row(options.repeats), key=_us)  # before and after: machines are moody
    rows = [{**ratios(bare, row), **row} for row in (bare, *rows)]
    report("verify", rows, as_json=options.json, engine=str(view_engines()))


def ratios(bare: Row, row: Row) -> Row:
    """How many times faster than the bare library one check of the same kind is, by the clock and
    by processor time; nothing for what is not a check of ML-DSA-65."""
    if not str(row["name"]).startswith(("ML_DSA_65 bare", "ML_DSA_65 batch")):
        return {"wall_ratio": "", "cpu_ratio": ""}
    return {
        "wall_ratio": f"{_us(bare) / _us(row):.2f}",
        "cpu_ratio": f"{_cpu_us(bare) / _cpu_us(row):.2f}",
    }


def _us(row: Row) -> float:
    return float(str(row["us"]))


def _cpu_us(row: Row) -> float:
    return float(str(row["cpu_us"]))


if __name__ == "__main__":
    main()
