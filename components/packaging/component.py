"""The package step as a Kubeflow component: a shell over components/packaging/step.py."""

from kfp import dsl

from components.steps import PACKAGE


@dsl.component(base_image=PACKAGE.image, install_kfp_package=False)
def package(
    model: dsl.Input[dsl.Model],
    scores: dsl.Input[dsl.Artifact],
    decision: dsl.Input[dsl.Artifact],
    bento: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
) -> None:
    """Build and prove the Bento of a promoted model."""
    from components.shell import run_step
    from components.steps import PACKAGE

    run_step(PACKAGE, config, version, model=model.path, scores=scores.path, decision=decision.path, bento=bento.path)
