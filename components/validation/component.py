"""The validate step as a Kubeflow component: a shell over components/validation/step.py."""

from kfp import dsl

from components.steps import VALIDATE


@dsl.component(base_image=VALIDATE.image, install_kfp_package=False)
def validate(
    dataset: dsl.Input[dsl.Dataset],
    validation: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
) -> None:
    """Prove the dataset good, or stop."""
    from components.shell import run_step
    from components.steps import VALIDATE

    run_step(VALIDATE, config, version, dataset=dataset.path, validation=validation.path)
