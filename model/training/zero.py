"""An optimiser whose state processes share (DeepSpeed's ZeRO-2): how it is set up, and its pieces as whole tensors.

DeepSpeed keeps all trained parameters as one flat tensor, of which each process steps its piece. Its public accessors
put the pieces together, so that checkpoints hold what other trainings write. It is imported where it is used.

Gradients are summed in the order in which they are ready. Processes agree on it though one draws pictures where another
does not: the pass of the flow loss comes first, ends each backward pass, and makes all weights ready in its own order.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import partial

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor, nn

from model.errors import UserError

STAGE = 2


def by_zero(accelerator: Accelerator) -> bool:
    """Whether DeepSpeed steps the optimiser; UserError where it was told to in a way that checkpoints cannot hold."""
    if accelerator.distributed_type != DistributedType.DEEPSPEED:
        return False
    plugin, precision = accelerator.deepspeed_plugin, accelerator.mixed_precision
    if plugin.zero_stage != STAGE or plugin.hf_ds_config.is_offload() or precision not in ("no", "bf16"):
        raise UserError(
            f"training: DeepSpeed was started with ZeRO stage {plugin.zero_stage}, precision {precision} and "
            f"{'' if plugin.hf_ds_config.is_offload() else 'no '}offloading; it trains with stage {STAGE}, no or bf16, "
            "and no offloading: start it with components/training/accelerate/deepspeed.yaml."
        )
    return True


def set_up(
    accelerator: Accelerator, pictures: int, accumulate: int, clip: float
) -> Callable[[], AbstractContextManager[None]]:
    """Tell DeepSpeed how the loop steps, before it is given the model; what networks run under.

    By its own bfloat16 it would round the adapter's weights and the sums of gradients; under autocast they stay in 32
    bits, as in other trainings.
    """
    half = accelerator.mixed_precision == "bf16"
    accelerator.deepspeed_plugin.deepspeed_config |= {
        "train_micro_batch_size_per_gpu": pictures,
        "gradient_accumulation_steps": accumulate,
        "gradient_clipping": clip,
        "bf16": {"enabled": False},
        "torch_autocast": {"enabled": half, "dtype": "bfloat16", "lower_precision_safe_modules": []},
    }
    return partial(torch.autocast, accelerator.device.type, torch.bfloat16, enabled=half)


def in_pieces(module: nn.Module) -> bool:
    """Whether DeepSpeed steps this module's parameters."""
    return any(hasattr(parameter, "_hp_mapping") for parameter in module.parameters())


def moments(module: nn.Module, optimiser: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor]]:
    """The optimiser's tensors as `<moment>/<parameter>`, put together: all processes must go through them."""
    from deepspeed.utils import safe_get_full_optimizer_state

    (flat,) = optimiser.param_groups[0]["params"]
    for name, parameter in module.named_parameters():
        for moment, piece in optimiser.state[flat].items():
            whole = safe_get_full_optimizer_state(parameter, moment) if piece.shape == flat.shape else piece
            yield f"{moment}/{name}", whole


def set_state(module: nn.Module, optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Let this process go on from the module's present weights and from whole moments, of which it takes its piece."""
    from deepspeed.utils import (
        lazy_init_hp_params_optimizer_state,
        safe_set_full_fp32_param,
        safe_set_full_optimizer_state,
    )

    (flat,) = optimiser.param_groups[0]["params"]
    parameters, state = dict(module.named_parameters()), dict[str, Tensor]()
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        state.setdefault(
            moment, torch.zeros_like(flat) if tensor.shape == parameters[name].shape else tensor.to(flat.device)
        )
    optimiser.state[flat] = state
    lazy_init_hp_params_optimizer_state(list(parameters.values()), flat, optimiser.state)
    for key, tensor in tensors.items():
        moment, name = key.split("/", 1)
        if state[moment].shape == flat.shape:
            safe_set_full_optimizer_state(parameters[name], tensor, moment)
    for parameter in parameters.values():
        safe_set_full_fp32_param(parameter, parameter.data)
