"""Where things stand in the pictures: pure geometry, in the units of an SVG's viewBox."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from genesis.params import RewardParams
from vm.rewards import minted_before

HALL_WIDTH = 640
HALL_HEIGHT = 350
_HALL_CENTRE = (320.0, 318.0)
_HALL_INNER, _HALL_OUTER = 130.0, 276.0
_SEAT_RADIUS_MAX = 24.0

MAP_WIDTH = 640
MAP_HEIGHT = 440
MAP_RINGS_MS = (1, 10, 100, 1000)
_MAP_CENTRE = (320.0, 220.0)
_MAP_INNER, _MAP_OUTER = 52.0, 190.0

CURVE_WIDTH = 1080
CURVE_HEIGHT = 220
_CURVE_POINTS = 120


@dataclass(frozen=True, slots=True)
class Seat:
    """A place in the half circle."""

    index: int
    x: float
    y: float
    radius: float


def hemicycle(count: int) -> tuple[Seat, ...]:
    """Seats in as few rows as they fit into, numbered from left to right, row by row."""
    rows = 1
    while _seats_in(rows) < count:
        rows += 1
    radii = _row_radii(rows)
    total = sum(radii)
    taken, seats = 0, list[Seat]()
    pitch = (_HALL_OUTER - _HALL_INNER) / max(1, rows)
    radius = min(_SEAT_RADIUS_MAX, 0.42 * pitch if rows > 1 else _SEAT_RADIUS_MAX)
    for number, row in enumerate(radii, 1):
        last = number == rows
        here = count - taken if last else round(count * row / total)
        for place in range(here):
            angle = math.pi * (1 - (place + 0.5) / here)
            x = _HALL_CENTRE[0] + row * math.cos(angle)
            y = _HALL_CENTRE[1] - row * math.sin(angle)
            seats.append(Seat(taken + place, round(x, 1), round(y, 1), round(radius, 1)))
        taken += here
    return tuple(seats)


def _row_radii(rows: int) -> list[float]:
    if rows == 1:
        return [(_HALL_INNER + _HALL_OUTER) / 2 + 30]
    step = (_HALL_OUTER - _HALL_INNER) / (rows - 1)
    return [_HALL_INNER + step * row for row in range(rows)]


def _seats_in(rows: int) -> int:
    pitch = (_HALL_OUTER - _HALL_INNER) / max(1, rows)
    room = 2 * _SEAT_RADIUS_MAX if rows == 1 else pitch
    return sum(int(math.pi * radius / (room * 1.1)) for radius in _row_radii(rows))


@dataclass(frozen=True, slots=True)
class PeerPlace:
    """Where a peer stands on the map, and where its line ends."""

    x: float
    y: float
    label_x: float
    label_y: float
    anchor: str


def peer_places(rtts_ms: Sequence[int]) -> tuple[PeerPlace, ...]:
    """Around this node, the farther the longer the round trip takes, on a logarithmic scale."""
    places = []
    for place, rtt_ms in enumerate(rtts_ms):
        angle = 2 * math.pi * place / len(rtts_ms) - math.pi / 2
        radius = ring_radius(rtt_ms)
        x = _MAP_CENTRE[0] + radius * 1.25 * math.cos(angle)
        y = _MAP_CENTRE[1] + radius * math.sin(angle)
        right = math.cos(angle) >= -1e-9
        shift = 14 if right else -14
        places.append(
            PeerPlace(
                round(x, 1), round(y, 1), round(x + shift, 1), round(y + 4, 1),
                "start" if right else "end",
            )
        )  # fmt: skip
    return tuple(places)


def ring_radius(rtt_ms: int) -> float:
    """1 ms is nearest, a second is the rim."""
    share = math.log10(max(1, min(1000, rtt_ms))) / 3
    return round(_MAP_INNER + share * (_MAP_OUTER - _MAP_INNER), 1)


@dataclass(frozen=True, slots=True)
class Curve:
    """An emission curve: the points of a polyline, and where the chain is on it."""

    points: str
    x: float
    y: float
    end_height: int


def emission_curve(params: RewardParams, height: int, eras: int) -> Curve:
    """Minted coins over heights, as the schedule has it for so many halving eras."""
    end = params.halving_blocks * eras
    top = max(1, minted_before(params, end))

    def place(at: int) -> tuple[float, float]:
        x = CURVE_WIDTH * min(at, end) / end
        y = CURVE_HEIGHT - (CURVE_HEIGHT - 10) * minted_before(params, min(at, end)) / top
        return round(x, 2), round(y, 2)

    heights = [end * step // _CURVE_POINTS for step in range(_CURVE_POINTS + 1)]
    points = " ".join(f"{x},{y}" for x, y in map(place, heights))
    x, y = place(height)
    return Curve(points, x, y, end)
