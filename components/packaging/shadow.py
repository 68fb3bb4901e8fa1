"""A second model beside the champion: given a share of the same orders, scored, and never answered with."""

import json
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from components.packaging.bundle import LINEAGE, MODEL
from components.packaging.engine import Engine, Made, Pipeline
from components.packaging.lineage import Lineage
from components.packaging.presets import check_frozen, served_preset
from components.packaging.requests import GenerateRequest
from components.packaging.scoring import score
from components.packaging.settings import ServiceSettings
from model.artefacts import read_json
from model.errors import UserError
from model.faces.analyser import Analyser
from model.sampler import Sampler

log = logging.getLogger(__name__)


@dataclass
class Shadow:
    """The second model's pipeline and lineage; its scores are added to the file `scores`, one line an order."""

    pipeline: Pipeline
    lineage: Lineage
    champion: Lineage
    analyser: Analyser
    share: float
    scores: Path

    def compare(self, request: GenerateRequest, made: Made) -> None:
        """Make the first picture of an order again with the shadow, and note how both compare with the references."""
        order = made.order.requests[0]
        start = time.perf_counter()
        try:
            picture = self.pipeline([order], steps=request.steps, on_step=None, **made.order.weights)[0]
        except Exception:  # a fault of the shadow is a finding about it, not a fault of the service
            log.exception("the shadow failed")
            self._note({"failed": True})
            return
        seconds = time.perf_counter() - start
        both = {"champion": made.pictures[0], "shadow": picture}
        numbers = {name: self._numbers(np.asarray(one), made) for name, one in both.items()}
        self._note({"failed": False, "shadow_seconds": round(seconds, 4), "people": len(order.boxes), **numbers})

    def _numbers(self, picture: NDArray[np.uint8], made: Made) -> dict[str, float]:
        scores = score(self.analyser, picture, made.order.requests[0].boxes, made.order.references)
        names = ("similarity", "copy")
        return {name: round(float(np.mean([getattr(one, name) for one in scores])), 5) for name in names}

    def _note(self, line: dict[str, Any]) -> None:
        models = {"champion_model": self.champion.model, "shadow_model": self.lineage.model}
        with open(self.scores, "a", encoding="utf-8") as file:
            file.write(json.dumps({"at": round(time.time(), 1), **models, **line}, sort_keys=True) + "\n")


def load_shadow(settings: ServiceSettings, champion: Path, engine: Engine) -> Shadow | None:
    """The shadow that the settings name, if any: the model of the Bento folder, on the champion's base and recogniser.

    `champion` is the bundle of the `engine`. Raises UserError for a model that does not fit beside it.
    """
    if settings.shadow is None or settings.shadow_log is None:
        return None
    from components.packaging.loading import check_digests

    bundle = settings.shadow / "src" / "bundle"
    check_digests(bundle)
    own, other = served_preset(champion / MODEL), served_preset(bundle / MODEL)
    if own != other:
        raise UserError(
            f"the shadow's model is of preset {other.name} ({', '.join(other.adapter.branches)}), the champion's of "
            f"{own.name} ({', '.join(own.adapter.branches)}): give a shadow of the same"
        )
    check_frozen(bundle, other)
    lineage = Lineage.model_validate(read_json(bundle / LINEAGE))
    log.info("shadow %s gets a share of %g", lineage.model[:12], settings.shadow_share)
    pipeline = cast(Sampler, engine.pipeline).with_model(bundle / MODEL)  # they share what is frozen
    return Shadow(pipeline, lineage, engine.lineage, engine.analyser, settings.shadow_share, settings.shadow_log)
