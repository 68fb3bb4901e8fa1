"""The photos step as a Kubeflow component: a shell over components/photos/step.py."""

from kfp import dsl

from components.steps import PHOTOS


@dsl.component(base_image=PHOTOS.image, install_kfp_package=False)
def photos(
    photos: dsl.Output[dsl.Dataset],
    config: str,
    version: str,
) -> None:
    """Make the virtual cast's photographs, take the user's folder, or download a list of URLs."""
    from components.shell import run_step
    from components.steps import PHOTOS

    run_step(PHOTOS, config, version, photos=photos.path)
