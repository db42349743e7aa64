"""The rules of the house that ruff and mypy cannot check; each is one test over every file."""

import ast
import gc
import re
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LONGEST, NETWORKS

ROOT = Path(__file__).parents[2]
ROOMS = ("aichain", "consensus", "vm", "p2p", "genesis", "native")
FILES = sorted(
    path
    for folder in (*ROOMS, "tests", "benchmarks", "localnet")
    for path in (ROOT / folder).rglob("*.py")
)
ROOM_FILES = [path for path in FILES if path.relative_to(ROOT).parts[0] in ROOMS]

FILE_MAX_LINES = 400
FUNCTION_MAX_LINES = 60
PARAMETERS_MAX = 8
LINE_MAX_CHARS = 100
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "manager", "types", "base", "misc"}
BROAD = {"Exception", "BaseException"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def relative(path: Path) -> Any:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> Any:
    return ast.parse(path.read_text(encoding="utf-8"), relative(path))


def functions_of(path: Path) -> Any:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]


def found(path: Path, node: Any, what: Any) -> Any:
    return f"{relative(path)}:{node.lineno} {what}"


def require_nothing(findings: Any) -> None:
    findings = list(findings)
    assert not findings, "\n" + "\n".join(findings)


def test_there_are_rooms_to_look_into() -> None:
    seen = {path.relative_to(ROOT).parts[0] for path in ROOM_FILES}
    assert seen == set(ROOMS)


def test_a_file_has_at_most_400_lines() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in FILES}
    require_nothing(
        f"{name} has {length} lines" for name, length in lengths.items() if length > FILE_MAX_LINES
    )


def test_a_line_has_at_most_100_characters() -> None:
    require_nothing(
        f"{relative(path)}:{number} has {len(line)} characters"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LINE_MAX_CHARS
    )


def test_a_function_has_at_most_60_lines() -> None:
    require_nothing(
        found(path, node, f"{node.name} has {node.end_lineno - node.lineno + 1} lines")
        for path in FILES
        for node in functions_of(path)
        if node.end_lineno - node.lineno + 1 > FUNCTION_MAX_LINES
    )


def test_a_function_takes_at_most_8_parameters() -> None:
    require_nothing(
        found(path, node, f"{node.name} takes {len(parameters_of(node))} parameters")
        for path in ROOM_FILES
        for node in functions_of(path)
        if len(parameters_of(node)) > PARAMETERS_MAX and not click_fills(node)
    )


def parameters_of(node: Any) -> Any:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [each.arg for each in arguments if each.arg not in ("self", "cls")]


def click_fills(node: Any) -> Any:
    """A click command's parameters are its options: the user's interface, not a caller's."""
    return any("command" in ast.unparse(each) for each in node.decorator_list)


def test_a_module_opens_with_a_sentence() -> None:
    require_nothing(
        f"{relative(path)} opens with {ast.get_docstring(parsed(path))!r}"
        for path in FILES
        if not opens_with_a_sentence(parsed(path))
    )


def opens_with_a_sentence(tree: Any) -> Any:
    text = ast.get_docstring(tree) or ""
    first = text.partition("\n\n")[0].strip()
    return len(first) > 10 and first.endswith((".", "?", "!"))


def test_nothing_is_imported_inside_a_function() -> None:
    require_nothing(
        found(path, inner, f"import inside {node.name}")
        for path in FILES
        for node in functions_of(path)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    )


def test_no_cycle_is_hidden_behind_type_checking() -> None:
    require_nothing(
        found(path, node, "TYPE_CHECKING")
        for path in ROOM_FILES
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING")
        or (isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING")
    )


def test_no_room_imports_with_a_star() -> None:
    require_nothing(
        found(path, node, "import *")
        for path in FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and any(each.name == "*" for each in node.names)
    )


def test_errors_are_caught_by_name() -> None:
    """py-libp2p raises whatever it likes on a peer's bytes; only its guard may catch it all.

    Letting go of a resource and raising on is not catching.
    """
    require_nothing(
        found(path, node, "catches everything")
        for path in ROOM_FILES
        if not (path.parent.name == "p2p" and path.name.startswith("libp2p_guard"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ExceptHandler) and catches_all(node) and not raises_on(node)
    )


def catches_all(node: Any) -> Any:
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(each, ast.Name) and each.id in BROAD for each in caught)


def raises_on(node: Any) -> Any:
    last = node.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_no_function_writes_a_global() -> None:
    require_nothing(
        found(path, node, "global")
        for path in ROOM_FILES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Global)
    )


def test_a_module_is_named_for_what_it_holds() -> None:
    require_nothing(
        f"{relative(path)} says nothing by its name"
        for path in ROOM_FILES
        if VAGUE_NAMES & {path.stem.strip("_"), *path.stem.strip("_").split("_")}
    )


def test_nothing_is_left_unfinished() -> None:
    require_nothing(
        f"{relative(path)}:{number} {line.strip()}"
        for path in FILES
        if path != Path(__file__)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if UNFINISHED.search(line) or "NotImplementedError" in line
    )


def test_consensus_and_money_know_no_floats() -> None:
    """A float in state, a quorum or a hash makes two machines disagree."""
    pure = [path for path in ROOM_FILES if path.relative_to(ROOT).parts[0] != "aichain"]
    require_nothing(
        found(path, node, "a float")
        for path in pure
        if path.relative_to(ROOT).parts[0] in ("vm", "consensus", "genesis", "native")
        for node in ast.walk(parsed(path))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Name) and node.id == "float")
    )


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_typed_for_those_who_install_it(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()


def test_every_folder_of_tests_is_run() -> None:
    folders = {path.relative_to(ROOT).parts[1] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    words = (ROOT / "tests/run").read_text().split()
    assert {f"tests/{folder}" for folder in folders} == {
        word for word in words if word.startswith("tests/") and (ROOT / word).is_dir()
    }


def test_files_of_tests_that_go_first_are_there() -> None:
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []
    assert [name for name in NETWORKS if not list(ROOT.glob(f"{name}*"))] == []


def test_the_tests_run_as_a_node_does_with_its_collector() -> None:
    """It is off while tests are imported and collected, in this process and in those beside it."""
    assert gc.isenabled()
