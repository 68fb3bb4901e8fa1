"""The one graph: photos -> curate -> validate -> train -> evaluate -> gate -> package."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp import dsl
from pydantic import BaseModel

from components.curation.component import curate as curate_component
from components.evaluation.component import evaluate as evaluate_component
from components.gate.component import gate as gate_component
from components.packaging.component import package as package_component
from components.photos.component import photos as photos_component
from components.steps import CURATE, EVALUATE, GATE, PACKAGE, PHOTOS, STEPS, TRAIN, VALIDATE, Step
from components.training.component import train as train_component
from components.validation.component import validate as validate_component
from pipelines.runners import Runner, apply_resources
from pipelines.sources import step_version


class Artefacts(NamedTuple):
    """What a run makes, by the names of the steps' outputs."""

    photos: dsl.Dataset
    dataset: dsl.Dataset
    validation: dsl.Artifact
    model: dsl.Model
    scores: dsl.Artifact
    decision: dsl.Artifact
    bento: dsl.Artifact


def retrain_pipeline(settings: Mapping[str, BaseModel], runner: Runner) -> Any:
    """The graph as a kfp pipeline with one JSON parameter of settings a step, whose defaults are `settings`.

    A step's `version` is fixed here: code and outside folders are what they are when the pipeline is made.
    """
    defaults = {name: values.model_dump_json() for name, values in settings.items()}
    versions = {step.name: step_version(step, settings[step.name]) for step in STEPS}

    def made(component: Any, step: Step, config: Any, **inputs: Any) -> Any:
        task = component(**inputs, config=config, version=versions[step.name])
        return apply_resources(task, step, runner).outputs[step.output]

    @dsl.pipeline(name="withanyone-retrain", description="Photos of people to a judged and packaged model.")
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
        dataset = made(curate_component, CURATE, curate, photos=taken)
        validation = made(validate_component, VALIDATE, validate, dataset=dataset)
        model = made(train_component, TRAIN, train, dataset=dataset, validation=validation)
        scores = made(evaluate_component, EVALUATE, evaluate, dataset=dataset, model=model)
        judged = {"dataset": dataset, "validation": validation, "model": model, "scores": scores}
        decision = made(gate_component, GATE, gate, **judged)
        bento = made(package_component, PACKAGE, package, model=model, scores=scores, decision=decision)
        return Artefacts(taken, dataset, validation, model, scores, decision, bento)

    return retrain
