"""What was used longest ago makes room, by size."""

from aichain.sized_cache import SizedCache


def test_the_least_recent_values_make_room() -> None:
    cache: SizedCache[str, int] = SizedCache(40)
    for number, key in enumerate("abcd"):
        cache.put(key, number, 10)
    assert cache.get("a") == 0
    cache.put("e", 4, 10)
    assert cache.get("b") is None
    assert [cache.get(key) for key in "acde"] == [0, 2, 3, 4]
    assert (len(cache), cache.size_bytes) == (4, 40)


def test_one_value_cannot_push_out_all_others() -> None:
    cache: SizedCache[str, int] = SizedCache(40)
    cache.put("a", 0, 10)
    cache.put("b", 1, 11)
    assert cache.get("b") is None
    assert cache.get("a") == 0


def test_what_is_there_is_counted_once() -> None:
    cache: SizedCache[str, int] = SizedCache(40)
    for _ in range(9):
        cache.put("a", 0, 10)
    assert cache.size_bytes == 10
