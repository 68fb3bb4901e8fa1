"""The train step as Kubeflow components: shells over components/training/step.py and nodes.py."""

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


@dsl.component(base_image=TRAIN.image, install_kfp_package=False)
def train_nodes(
    dataset: dsl.Input[dsl.Dataset],
    validation: dsl.Input[dsl.Artifact],
    model: dsl.Output[dsl.Model],
    config: str,
    version: str,
    job: str,
) -> None:
    """Train the identity adapter on several nodes, as a TrainJob that is waited for."""
    import json

    from components.shell import run_step
    from components.steps import TRAIN_NODES

    config = json.dumps(json.loads(config) | {"job": json.loads(job)})
    run_step(TRAIN_NODES, config, version, dataset=dataset.path, validation=validation.path, model=model.path)
