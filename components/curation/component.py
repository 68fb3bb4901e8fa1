"""The curate step as a Kubeflow component: a shell over components/curation/step.py."""

from kfp import dsl

from components.steps import CURATE


@dsl.component(base_image=CURATE.image, install_kfp_package=False)
def curate(
    photos: dsl.Input[dsl.Dataset],
    dataset: dsl.Output[dsl.Dataset],
    config: str,
    version: str,
) -> None:
    """Turn photos into a paired dataset of faces and identities."""
    from components.shell import run_step
    from components.steps import CURATE

    run_step(CURATE, config, version, photos=photos.path, dataset=dataset.path)
