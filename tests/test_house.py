"""The house rules that no linter knows: first lines, lengths, calls that are never made, declared dependencies."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("model", "validation", "components", "pipelines", "dags")
SCREENSHOTS = Path("dags", "screenshots")  # of Airflow's pages, where no person is shown
FILE_LINES = 350
FUNCTION_LINES = 60
UNSAFE = {
    "pickle.load": "unpickles",
    "pickle.loads": "unpickles",
    "joblib.load": "unpickles",
    "pandas.read_pickle": "unpickles",
    "os.system": "starts a shell",
    "eval": "runs a string",
    "exec": "runs a string",
}
UNSAFE_ARGUMENTS = {("allow_pickle", True), ("weights_only", False), ("shell", True)}


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def unsafe_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and fault of every call that unpickles, starts a shell or runs a string."""
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        called = ast.unparse(call.func)
        arguments = {item.arg: item.value for item in call.keywords if item.arg}
        if called in UNSAFE:
            yield call.lineno, f"{called} {UNSAFE[called]}"
        if called == "torch.load" and "weights_only" not in arguments:
            yield call.lineno, "torch.load without weights_only=True"
        for key, value in arguments.items():
            if isinstance(value, ast.Constant) and (key, value.value) in UNSAFE_ARGUMENTS:
                yield call.lineno, f"{key}={ast.unparse(value)}"


def test_every_file_starts_by_saying_what_it_is_for() -> None:
    assert [name(path) for path in sources(*ROOMS, "tests") if not ast.get_docstring(parsed(path))] == []


def test_files_and_functions_fit_a_head() -> None:
    long_files = [name(path) for path in sources(*ROOMS, "tests") if len(path.read_text().splitlines()) > FILE_LINES]
    long_functions = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in sources(*ROOMS)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert (long_files, long_functions) == ([], [])


@pytest.mark.parametrize(
    "source",
    [
        "pickle.load(file)",
        "numpy.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
    ],
)
def test_unsafe_calls_are_seen(source: str) -> None:
    assert list(unsafe_calls(ast.parse(source)))


def test_nothing_is_unpickled_and_no_shell_is_started() -> None:
    found = [
        f"{name(path)}:{line} {fault}"
        for path in sources(*ROOMS, "tests")
        for line, fault in unsafe_calls(parsed(path))
        if path != Path(__file__)
    ]
    assert found == []


OPTIONAL = {"deepspeed"}  # what no step needs: it is installed for the tests alone


def pins(lock: str) -> dict[str, Version]:
    """Version of each package that a lock names, by its normal name."""
    lines = [line for line in (ROOT / lock).read_text().splitlines() if line and not line.startswith("#")]
    return {str(canonicalize_name(line.split("==")[0])): Version(line.split("==")[1]) for line in lines}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    texts = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    return [wanted for wanted in map(Requirement, texts) if wanted.name != "withanyone"]


def test_lock_holds_every_declared_dependency_in_the_declared_range() -> None:
    locked = pins("requirements.lock") | {name: pins("requirements-dev.lock")[name] for name in OPTIONAL}
    missing = [str(wanted) for wanted in declared() if canonicalize_name(wanted.name) not in locked]
    outside = [
        str(wanted)
        for wanted in declared()
        if canonicalize_name(wanted.name) in locked and locked[canonicalize_name(wanted.name)] not in wanted.specifier
    ]
    assert (missing, outside) == ([], [])


def test_lock_leaves_out_what_breaks_the_gpu_and_what_needs_a_screen() -> None:
    assert {"onnxruntime", "opencv-python", "openvino-telemetry"} & pins("requirements.lock").keys() == set()


def test_locks_do_not_disagree() -> None:
    assert pins("requirements.lock").keys() & pins("requirements-dev.lock").keys() == set()


def test_environment_is_the_locked_one() -> None:
    locked = pins("requirements.lock") | pins("requirements-dev.lock")
    there = {str(canonicalize_name(item.name)): Version(item.version) for item in importlib.metadata.distributions()}
    missing = sorted(locked.keys() - there.keys())
    other = {key: str(there[key]) for key in locked.keys() & there.keys() if Version(there[key].public) != locked[key]}
    assert (missing, other) == ([], {})


def test_every_import_is_declared() -> None:
    owners = importlib.metadata.packages_distributions()
    known = {canonicalize_name(wanted.name) for wanted in declared()}
    undeclared = {
        f"{name(path)}: {module}"
        for path in sources(*ROOMS)
        for module in imported(parsed(path))
        if module not in sys.stdlib_module_names and module not in ROOMS
        if not known & {canonicalize_name(owner) for owner in owners.get(module, [])}
    }
    assert sorted(undeclared) == []


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_repository_holds_no_pictures_and_no_big_files() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git clone")
    files = [ROOT / item for item in listing.stdout.split("\0") if item and (ROOT / item).is_file()]
    pictures = [name(path) for path in files if re.search(r"\.(jpe?g|png|webp|tiff?)$", path.name, re.IGNORECASE)]
    pictures = [picture for picture in pictures if Path(picture).parent != SCREENSHOTS]
    assert pictures == []
    assert sum(path.stat().st_size for path in files) < 64 * 2**20


def test_pages_name_only_what_exists() -> None:
    named = {
        f"{page.name}: {word}"
        for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "components").glob("*/README.md")))
        for word in re.findall(r"(?:`|\]\()([\w./-]+)[`)]", page.read_text(encoding="utf-8"))
        if word.split("/")[0] in (*ROOMS, "tests") and "/" in word
        if not (ROOT / word).exists()
    }
    assert sorted(named) == []
