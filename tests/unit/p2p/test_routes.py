"""Routes lead to nearer peers, share the work, leave those that are silent, and never go round."""

import random

from genesis.limits import RELAY_HOPS_MAX, RELAY_ROUTES
from p2p.routes import Route, hops_to_tell, plan_routes

A, B, C = b"a", b"b", b"c"


def test_the_nearest_peers_are_asked_and_no_more_than_needed() -> None:
    heard_by = {"p": {A: 1}, "q": {A: 2}, "r": {A: 1}, "s": {A: 1}}
    routes = plan_routes([A, B], heard_by, {}, {})
    assert routes[A].hops == 2
    assert len(routes[A].peers) == RELAY_ROUTES
    assert "q" not in routes[A].peers
    assert B not in routes


def test_whoever_was_asked_stays_while_it_is_among_the_nearest() -> None:
    before = {A: Route(("s",), 2)}
    near = plan_routes([A], {"p": {A: 1}, "r": {A: 1}, "s": {A: 1}}, before, {})
    assert near[A].peers[0] == "s"
    far = plan_routes([A], {"p": {A: 1}, "r": {A: 1}, "s": {A: 2}}, before, {})
    assert "s" not in far[A].peers


def test_the_work_is_shared() -> None:
    authors = [bytes([at]) for at in range(30)]
    heard_by = {peer: dict.fromkeys(authors, 1) for peer in "pqrst"}
    routes = plan_routes(authors, heard_by, {}, {})
    load = [sum(peer in route.peers for route in routes.values()) for peer in "pqrst"]
    assert load == [RELAY_ROUTES * 30 // 5] * 5


def test_a_peer_that_claims_much_and_brings_nothing_is_left() -> None:
    heard_by = {"liar": {A: 1}, "honest": {A: 2}}
    assert plan_routes([A], heard_by, {}, {("liar", A): 9.0})[A] == Route(("honest",), 3)
    assert plan_routes([A], {"liar": {A: 1}}, {}, {("liar", A): 9.0})[A] == Route(("liar",), 2)


def test_where_all_were_silent_each_has_its_turn() -> None:
    heard_by = {"liar": {A: 1}, "thief": {A: 1}, "honest": {A: 2}}
    until_s = {("liar", A): 30.0, ("thief", A): 40.0, ("honest", A): 20.0}
    asked = set[str]()
    for turn in range(3):
        chosen = plan_routes([A], heard_by, {}, until_s)[A].peers
        asked.update(chosen)
        until_s |= {(peer, A): 50.0 + turn for peer in chosen}
    assert asked == set(heard_by)


def test_what_is_too_far_away_or_not_heard_has_no_route() -> None:
    assert plan_routes([A], {"p": {A: RELAY_HOPS_MAX}}, {}, {}) == {}
    assert plan_routes([A], {"p": {B: 1}}, {}, {}) == {}


def test_a_peer_is_not_told_what_we_hear_through_it_alone() -> None:
    routes = {A: Route(("p",), 2), B: Route(("p", "q"), 3)}
    assert hops_to_tell("p", [C], routes) == {B: 3, C: 1}
    assert hops_to_tell("q", [C], routes) == {A: 2, B: 3, C: 1}


def test_in_any_connected_network_everybody_gets_routes_to_all_and_none_goes_round() -> None:
    """Nodes tell each other in turns, as whole nodes do; then each route comes nearer."""
    for seed in range(20):
        rng = random.Random(seed)
        nodes = [bytes([at]) for at in range(rng.randint(5, 40))]
        links = {node: set[bytes]() for node in nodes}
        for at, node in enumerate(nodes[1:], 1):
            links[node].add(rng.choice(nodes[max(0, at - 4) : at]))
        for node in nodes:
            for other in links[node]:
                links[other].add(node)
        names = {node: node.hex() for node in nodes}
        routes: dict[bytes, dict[bytes, Route]] = {node: {} for node in nodes}
        for _ in range(RELAY_HOPS_MAX):
            told = {
                node: {
                    names[other]: hops_to_tell(names[node], links[other], routes[other])
                    for other in links[node]
                }
                for node in nodes
            }
            for node in nodes:
                missing = [each for each in nodes if each != node and each not in links[node]]
                routes[node] = plan_routes(missing, told[node], routes[node], {})
        for author in nodes:
            distance = dict.fromkeys(links[author], 1) | {author: 0}
            distance |= {node: each[author].hops for node, each in routes.items() if author in each}
            far = RELAY_HOPS_MAX + 1
            for node in nodes:
                route = routes[node].get(author)
                for peer in () if route is None else route.peers:
                    assert distance[bytes.fromhex(peer)] < distance[node]
            assert all(node in distance for node in nodes if _steps(links, author, node) < far)


def _steps(links: dict[bytes, set[bytes]], one: bytes, other: bytes) -> int:
    seen, steps = {one}, 0
    while other not in seen:
        seen |= {each for node in seen for each in links[node]}
        steps += 1
    return steps
