"""The one graph: photos -> curate -> validate -> train -> evaluate -> gate -> package."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp import dsl
from pydantic import BaseModel

from components.curation.component import curate as curate_component
from components.curation.component import curate_shares as curate_shares_component
from components.curation.component import look as look_component
from components.evaluation.component import evaluate as evaluate_component
from components.gate.component import gate as gate_component
from components.packaging.component import package as package_component
from components.photos.component import photos as photos_component
from components.steps import CURATE, EVALUATE, GATE, LOOK, PACKAGE, PHOTOS, STEPS, TRAIN, VALIDATE, Step
from components.training.component import train as train_component
from components.training.component import train_nodes as train_nodes_component
from components.validation.component import validate as validate_component
from pipelines.compiled import PIPELINE
from pipelines.runners import Runner, apply_resources


class Artefacts(NamedTuple):
    """What a run makes, by the names of the steps' outputs."""

    photos: dsl.Dataset
    dataset: dsl.Dataset
    validation: dsl.Artifact
    model: dsl.Model
    scores: dsl.Artifact
    decision: dsl.Artifact
    bento: dsl.Artifact


def steps_of(settings: Mapping[str, BaseModel]) -> tuple[Step, ...]:
    """The steps of the graph that these settings make, in their order."""
    before = STEPS.index(CURATE)
    return STEPS if _shards(settings) == 1 else (*STEPS[:before], LOOK, *STEPS[before:])


def _shards(settings: Mapping[str, BaseModel]) -> int:
    return int(getattr(settings[CURATE.name], "shards"))  # noqa: B009  (curation's own class is not loaded here)


def retrain_pipeline(settings: Mapping[str, BaseModel], runner: Runner) -> Any:
    """The graph as a kfp pipeline with one JSON parameter of settings a step, whose defaults are `settings`.

    A step's `version`, and how many tasks look at photos side by side, are fixed here: code, outside folders and
    `curate.shards` are what they are when the pipeline is made.
    """
    defaults = {name: values.model_dump_json() for name, values in settings.items()}
    versions = {step.name: runner.version(step, settings[step.name]) for step in STEPS}
    versions[LOOK.name] = versions[CURATE.name]
    shards = _shards(settings)

    def made(component: Any, step: Step, config: Any, **inputs: Any) -> Any:
        version, complete = versions[step.name]
        task = component(**inputs, config=config, version=version)
        return apply_resources(task, step, runner, cached=complete).outputs[step.output]

    @dsl.pipeline(name=PIPELINE, description="Photos of people to a judged and packaged model.")
    def retrain(
        photos: str = defaults["photos"],
        curate: str = defaults["curate"],
        validate: str = defaults["validate"],
        train: str = defaults["train"],
        evaluate: str = defaults["evaluate"],
        gate: str = defaults["gate"],
        package: str = defaults["package"],
    ) -> Artefacts:
        taken = made(photos_component, PHOTOS, photos)
        if shards == 1:
            dataset = made(curate_component, CURATE, curate, photos=taken)
        else:
            with dsl.ParallelFor(list(range(shards))) as share:
                looks = made(look_component, LOOK, curate, photos=taken, share=share)
            dataset = made(curate_shares_component, CURATE, curate, photos=taken, looks=dsl.Collected(looks))
        validation = made(validate_component, VALIDATE, validate, dataset=dataset)
        if job := runner.train_job():
            told = {"dataset": dataset, "validation": validation, "job": job.model_dump_json()}
            model = made(train_nodes_component, TRAIN, train, **told)
        else:
            model = made(train_component, TRAIN, train, dataset=dataset, validation=validation)
        scores = made(evaluate_component, EVALUATE, evaluate, dataset=dataset, model=model)
        judged = {"dataset": dataset, "validation": validation, "model": model, "scores": scores}
        decision = made(gate_component, GATE, gate, **judged)
        bento = made(package_component, PACKAGE, package, model=model, scores=scores, decision=decision)
        return Artefacts(taken, dataset, validation, model, scores, decision, bento)

    return retrain
