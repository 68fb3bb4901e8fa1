"""The graph as files for a cluster: Kubeflow's IR YAML, and the Kubernetes objects for clusters kept by GitOps."""

import re
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from model.artefacts import file_digest, new_file
from pipelines.cluster import Cluster, check_devices
from pipelines.settings import check_together

PIPELINE = "withanyone-retrain"


def write_ir(out: Path, settings: Mapping[str, BaseModel], cluster: Cluster) -> str:
    """Write the graph with `settings` as IR YAML to `out`; returns the name of this version, by its content.

    Raises UserError for what would otherwise fail in a pod.
    """
    from pipelines.retrain import steps_of

    check_together(settings)
    check_devices(steps_of(settings), settings, cluster)
    _compile(out, settings, cluster)
    return f"{re.sub('[^a-z0-9.]+', '-', version('withanyone').lower())}-{file_digest(out)[:12]}"


def write_manifests(out: Path, settings: Mapping[str, BaseModel], cluster: Cluster) -> None:
    """Write the objects Pipeline and PipelineVersion to `out`; another content is another PipelineVersion."""
    from kfp.compiler import KubernetesManifestOptions

    with new_file(out) as draft:
        name = write_ir(draft, settings, cluster)
        options = KubernetesManifestOptions(
            pipeline_name=PIPELINE,
            pipeline_version_name=f"{PIPELINE}-{name}",
            pipeline_version_display_name=name,
            namespace=cluster.namespace,
            include_pipeline_manifest=True,
        )
        _compile(draft, settings, cluster, kubernetes_manifest_format=True, kubernetes_manifest_options=options)


def _compile(out: Path, settings: Mapping[str, BaseModel], cluster: Cluster, **form: Any) -> None:
    """Write the graph to `out`, in another `form` than IR YAML where the compiler is told of one."""
    from kfp.compiler import Compiler

    from pipelines.retrain import retrain_pipeline
    from pipelines.runners import cluster_runner

    with new_file(out) as draft:
        named = draft.with_suffix(".yaml")  # kfp writes to no other ending
        Compiler().compile(retrain_pipeline(settings, cluster_runner(cluster)), str(named), **form)
        named.replace(draft)
