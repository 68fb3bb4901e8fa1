"""Weights that several processes share among them (FSDP2): what is cut, put together for a file, and cut again."""

import warnings
from collections.abc import Sequence

from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from model.errors import UserError
from model.training.phases import Phase

WHOLE = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU, DistributedType.DEEPSPEED)
FILES = "components/training/accelerate"


def sharded(accelerator: Accelerator) -> bool:
    """Whether processes share the weights; UserError where they do so in a way that checkpoints cannot hold."""
    if accelerator.distributed_type in WHOLE:
        return False
    if not accelerator.is_fsdp2:
        kind = accelerator.distributed_type.value
        raise UserError(
            f"training: the model is sharded by {kind}, for which no checkpoints are written; start it with "
            f"{FILES}/fsdp2.yaml, with {FILES}/ddp.yaml or on one device."
        )
    # Networks cast what they are given to what their weights are, and autocast does the rest, as without shards.
    # FSDP's own policy would also round what must stay exact: rotary positions, and gradients that are summed.
    accelerator.state.fsdp_plugin.mixed_precision_policy = None
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nobody writes into what is returned
    return True


def refuse_uneven(phases: Sequence[Phase]) -> None:
    """Raise UserError for a phase in which a process may have nothing to draw: it would not join the others' passes."""
    for phase in phases:
        if phase.drawn and phase.judged and phase.decoded < 1:
            raise UserError(
                f"train.phases: '{phase.name}' has drawn {phase.drawn} and decoded {phase.decoded:g}, with which "
                "processes that share the weights would wait for one another; set its decoded to 1."
            )


def whole(tensor: Tensor) -> Tensor:
    """A tensor put together where it is shards: for it all processes must ask, in the same order."""
    return (tensor.full_tensor() if isinstance(tensor, DTensor) else tensor).detach()


def like(tensor: Tensor, other: Tensor) -> Tensor:
    """A whole tensor, cut as `other` is."""
    if isinstance(other, DTensor):
        return distribute_tensor(tensor.to(other.device), other.device_mesh, other.placements)
    return tensor
