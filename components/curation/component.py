"""The curate step as Kubeflow components: shells over components/curation/step.py and look.py."""

from kfp import dsl

from components.steps import CURATE, LOOK


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


@dsl.component(base_image=LOOK.image, install_kfp_package=False)
def look(
    photos: dsl.Input[dsl.Dataset],
    looks: dsl.Output[dsl.Artifact],
    config: str,
    version: str,
    share: int,
) -> None:
    """Look at one share of the photos."""
    import json

    from components.shell import run_step
    from components.steps import LOOK

    config = json.dumps(json.loads(config) | {"share": share})
    run_step(LOOK, config, version, photos=photos.path, looks=looks.path)


@dsl.component(base_image=CURATE.image, install_kfp_package=False)
def curate_shares(
    photos: dsl.Input[dsl.Dataset],
    looks: dsl.Input[list[dsl.Artifact]],
    dataset: dsl.Output[dsl.Dataset],
    config: str,
    version: str,
) -> None:
    """Turn photos, all shares of which were looked at, into a paired dataset of faces and identities."""
    from components.shell import run_step
    from components.steps import CURATE

    run_step(CURATE, config, version, [share.path for share in looks], photos=photos.path, dataset=dataset.path)
