"""The evaluate step as a Kubeflow component: a shell over components/evaluation/step.py."""

from kfp import dsl

from components.steps import EVALUATE


@dsl.component(base_image=EVALUATE.image, install_kfp_package=False)
def evaluate(
    dataset: dsl.Input[dsl.Dataset],
    model: dsl.Input[dsl.Model],
    scores: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
) -> None:
    """Score the model on people it has never seen."""
    from components.shell import run_step
    from components.steps import EVALUATE

    run_step(EVALUATE, config, version, dataset=dataset.path, model=model.path, scores=scores.path)
