"""The train step as a Kubeflow component: a shell over components/training/step.py."""

from kfp import dsl

from components.steps import TRAIN


@dsl.component(base_image=TRAIN.image, install_kfp_package=False)
def train(
    dataset: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    config: str,
    version: str,
) -> None:
    """Train the identity adapter on a frozen base."""
    from components.shell import run_step
    from components.steps import TRAIN

    run_step(TRAIN, config, version, dataset=dataset.path, validation=validation.path, model=model.path)
