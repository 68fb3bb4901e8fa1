"""The throw-away steps as a pipeline; apart, for a step's process cannot import a module that makes components."""

from typing import Any, NamedTuple

from kfp import dsl

from components.steps import Step
from pipelines.runners import LOCAL, apply_resources
from tests.pipelines.tiny import ONE, PIECE, THREE, TWO, WHOLE, TinyConfig


class Total(NamedTuple):
    total: dsl.Artifact


class Outputs(NamedTuple):
    first: dsl.Artifact
    second: dsl.Artifact
    third: dsl.Artifact


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def one(first: dsl.Output[dsl.Artifact], config: str, version: str) -> None:
    from components.shell import run_step
    from tests.pipelines.tiny import ONE

    run_step(ONE, config, version, first=first.path)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def two(first: dsl.Input[dsl.Artifact], second: dsl.Output[dsl.Artifact], config: str, version: str) -> None:
    from components.shell import run_step
    from tests.pipelines.tiny import TWO

    run_step(TWO, config, version, first=first.path, second=second.path)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def three(
    first: dsl.Input[dsl.Artifact],
    second: dsl.Input[dsl.Artifact],
    third: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
) -> None:
    from components.shell import run_step
    from tests.pipelines.tiny import THREE

    run_step(THREE, config, version, first=first.path, second=second.path, third=third.path)


def tiny_pipeline(configs: dict[str, TinyConfig], versions: dict[str, str] | None = None) -> Any:
    """The three steps as a pipeline; steps that `configs` leaves out have default settings."""
    versions = versions or {}

    def call(component: Any, step: Step, **inputs: Any) -> Any:
        config = configs.get(step.name, TinyConfig()).model_dump_json()
        task = component(config=config, version=versions.get(step.name, "1"), **inputs)
        return apply_resources(task, step, LOCAL).outputs[step.output]

    @dsl.pipeline(name="tiny")
    def graph() -> Outputs:
        first = call(one, ONE)
        second = call(two, TWO, first=first)
        return Outputs(first, second, call(three, THREE, first=first, second=second))

    return graph


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def piece(pieces: dsl.Output[dsl.Artifact], config: str, version: str, share: int) -> None:
    import json

    from components.shell import run_step
    from tests.pipelines.tiny import PIECE

    run_step(PIECE, json.dumps(json.loads(config) | {"share": share}), version, pieces=pieces.path)


@dsl.component(base_image="python:3.11", install_kfp_package=False)
def whole(pieces: dsl.Input[list[dsl.Artifact]], total: dsl.Output[dsl.Artifact], config: str, version: str) -> None:
    from components.shell import run_step
    from tests.pipelines.tiny import WHOLE

    run_step(WHOLE, config, version, [one.path for one in pieces], total=total.path)


def loop_pipeline(count: int, config: TinyConfig) -> Any:
    """Pieces made side by side and one whole of them."""
    text = config.model_dump_json()

    @dsl.pipeline(name="loop")
    def graph() -> Total:
        with dsl.ParallelFor(list(range(count))) as share:
            made = apply_resources(piece(config=text, version="1", share=share), PIECE, LOCAL)
        task = whole(pieces=dsl.Collected(made.outputs["pieces"]), config=text, version="1")
        return Total(apply_resources(task, WHOLE, LOCAL).outputs["total"])

    return graph
