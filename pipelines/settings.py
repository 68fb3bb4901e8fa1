"""Settings of a run: params.yaml and `--set section.key=value`, checked against the steps' own settings classes."""

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from components.steps import CURATE, PHOTOS, STEPS, TRAIN, Step
from model.errors import UserError

FILE = "params.yaml"


class SettingsError(UserError):
    """A setting or its file that cannot be used."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2 numbers: 1e-4 is a number, as everybody who writes a learning rate expects."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def load_settings(
    file: Path | None, changes: Iterable[str] = (), steps: Iterable[Step] = STEPS
) -> dict[str, BaseModel]:
    """Checked settings of every step: its defaults, over them `file`, over that each `section.key=value` of `changes`.

    Raises SettingsError that names the first unknown or ill-typed key and the nearest valid one.
    """
    known = {step.name: step for step in steps}
    values = _read(file, known) if file else {}
    for change in changes:
        _change(values, change, known)
    return {name: check(step, values.get(name) or {}) for name, step in known.items()}


def read_yaml(file: Path) -> Any:
    """What the settings file `file` holds, {} when it is empty; raises SettingsError where it cannot be read."""
    try:
        return yaml.load(file.read_text(encoding="utf-8"), _Loader) or {}  # noqa: S506  (a SafeLoader)
    except FileNotFoundError:
        raise SettingsError(
            f"There is no settings file {file}: name one that exists, or leave the option out."
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        why = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise SettingsError(f"The settings file {file} cannot be read: {why}.") from None


def _read(file: Path, known: Mapping[str, Step]) -> dict[str, dict[str, Any]]:
    values = read_yaml(file)
    if not isinstance(values, dict):
        raise SettingsError(f"The settings file {file} must hold sections ({', '.join(known)}), not {values!r}.")
    for section, content in values.items():
        if section not in known:
            raise SettingsError(f"{file}: {section!r} is no section of the settings{_nearest(str(section), known)}")
        if not isinstance(content, dict | None):
            raise SettingsError(f"{file}: the section {section} must hold `key: value` lines, not {content!r}.")
    return {section: dict(content or {}) for section, content in values.items()}


def _change(values: dict[str, dict[str, Any]], change: str, known: Mapping[str, Step]) -> None:
    """Apply one `section.key=value` to `values`; a key with further dots reaches into nested settings."""
    try:
        change.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"--set {change!r} is not UTF-8: rename the folder or file that it names.") from None
    path, equals, text = change.partition("=")
    section, dot, key = path.strip().partition(".")
    if not (equals and dot and key):
        raise SettingsError(f"--set {change!r} must have the form section.key=value, for example {_example(known)}.")
    if section not in known:
        raise SettingsError(f"--set {change!r}: {section!r} is no section of the settings{_nearest(section, known)}")
    try:
        value = yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except yaml.YAMLError:
        raise SettingsError(f"--set {change!r}: the value {text!r} is not YAML; put it in quotes.") from None
    place = values.setdefault(section, {})
    *parents, last = key.split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise SettingsError(f"--set {change!r}: {section}.{parent} holds a value, not settings of its own.")
    place[last] = value


def check(step: Step, values: Mapping[str, Any]) -> BaseModel:
    """The settings object of `step`; through JSON, so that lists may fill tuples while numbers stay numbers."""
    settings = step.settings()
    text = json.dumps(values, default=str)
    if "{{$" in text:
        raise SettingsError(
            f"A setting of {step.name} contains '{{{{$', which Kubeflow would replace: write it otherwise."
        )
    try:
        return settings.model_validate_json(text)
    except ValidationError as error:
        raise SettingsError(refusal(step.name, settings, error)) from None


def home_of_tombstones(settings: Mapping[str, BaseModel]) -> str:
    """The folder that keeps who is forgotten: that of the photos, else that of their list; empty for the cast."""
    photos = settings[PHOTOS.name].model_dump()
    return str(photos["folder"] or (photos["urls"] and PurePosixPath(photos["urls"]).parent))


def check_together(settings: Mapping[str, BaseModel]) -> None:
    """Raise UserError, before the photos are looked at, for settings that a step of the graph would refuse.

    Of the photos, two sources; of the preset, embeddings that it does not read.
    """
    from components.photos.config import PhotosConfig
    from model.presets import preset

    photos = settings[PHOTOS.name]
    assert isinstance(photos, PhotosConfig)
    photos.check_source()
    train, curate = settings[TRAIN.name].model_dump(), settings[CURATE.name].model_dump()
    chosen = preset(train["preset"]).with_branches(train["branches"])
    needed = "pack" if chosen.parts else chosen.recogniser
    if needed != ("pack" if curate["pack"] else curate["recogniser"]):
        remedy = (
            "name its folder in curate.pack" if chosen.parts else "set curate.recogniser to it, without curate.pack"
        )
        raise UserError(
            f"train.preset '{chosen.name}' reads embeddings of {chosen.recogniser}, and the settings of curate make "
            f"others: {remedy}."
        )


def refusal(section: str, settings: type[BaseModel], error: ValidationError) -> str:
    """The first fault of `error` as a sentence that names the key, its value, the rule and the nearest valid key."""
    first = error.errors(include_url=False)[0]
    place = [str(part) for part in first["loc"]]
    name = ".".join([section, *place])
    if first["type"] == "missing":
        return f"The setting {name} is missing: give it a value."
    if first["type"] != "extra_forbidden":
        rule = first["msg"][:1].lower() + first["msg"][1:]
        rule = re.sub(r"(tuple|valid array)\b", "list", rule).replace(" after validation", "")
        return f"The setting {name} = {first['input']!r} is refused: {rule.removeprefix('value error, ')}."
    fields = _fields(settings, place[:-1])
    prefix = ".".join([section, *place[:-1]])
    others = f"; {prefix} has {', '.join(fields) or 'none'}."
    return f"There is no setting {name}{_nearest(place[-1], fields, others)}"


def _fields(settings: type[BaseModel], path: list[str]) -> list[str]:
    """Names of the settings at `path`, going down through nested settings classes."""
    for part in path:
        inner = settings.model_fields[part].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        settings = inner
    return list(settings.model_fields)


def _nearest(name: str, known: Iterable[str], otherwise: str = ".") -> str:
    """The end of a sentence that refuses `name`: the nearest of the known names, when one is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]}?" if near else otherwise


def _example(known: Mapping[str, Step]) -> str:
    step = next(iter(known.values()))
    return f"{step.name}.{next(iter(step.settings().model_fields), 'key')}=VALUE"
