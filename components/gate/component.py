"""The gate step as a Kubeflow component: a shell over components/gate/step.py."""

from kfp import dsl

from components.steps import GATE


@dsl.component(base_image=GATE.image, install_kfp_package=False)
def gate(
    dataset: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Artifact],
    model: dsl.Input[dsl.Model],
    scores: dsl.Input[dsl.Artifact],
    decision: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
) -> None:
    """Decide: promote, hold or reject."""
    from components.gate.sources import note_sources
    from components.shell import run_step
    from components.steps import GATE

    run_step(
        GATE,
        config,
        version,
        dataset=dataset.path,
        validation=validation.path,
        model=model.path,
        scores=scores.path,
        decision=decision.path,
    )
    note_sources(decision, dataset=dataset, validation=validation, model=model, scores=scores)
