"""What each runner does with the resources that a step declares: nothing is dropped in silence."""

from dataclasses import dataclass, fields
from typing import Any

from components.steps import Resources, Step

SETTINGS = (*(field.name for field in fields(Resources)), "image")


@dataclass(frozen=True)
class Runner:
    """A way to run the graph, and the declared settings of a step that it applies."""

    name: str
    applies: frozenset[str]

    def notice(self) -> str | None:
        """A sentence that names the declared settings that this runner does not apply."""
        left = [name for name in SETTINGS if name not in self.applies]
        if not left:
            return None
        return f"The {self.name} runner uses this machine as it is and does not apply the steps' {', '.join(left)}."


LOCAL = Runner("local", frozenset())
CLUSTER = Runner("cluster", frozenset(SETTINGS))  # the image through the component's base image


def apply_resources(task: Any, step: Step, runner: Runner) -> Any:
    """Give a kfp task those of the step's resources that `runner` applies."""
    wanted = step.resources
    task.set_caching_options(enable_caching=True)
    if "retries" in runner.applies:
        task.set_retry(num_retries=wanted.retries, backoff_duration="30s")
    if "cpu" in runner.applies:
        task.set_cpu_limit(wanted.cpu)
    if "memory" in runner.applies:
        task.set_memory_limit(wanted.memory)
    if "gpu" in runner.applies and wanted.gpu:
        task.set_accelerator_type("nvidia.com/gpu").set_accelerator_limit(wanted.gpu)
    return task
