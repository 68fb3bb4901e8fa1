"""The drawn stage: its losses add up, nobody is asked of a picture that is switched off, and sameness has a price."""

import pytest
import torch

from model.pretraining import backbone
from model.pretraining.drawing import (
    APART,
    LIKENESS,
    MOUTH,
    REALISM,
    TYPICAL,
    VARIETY,
    Critics,
    Seen,
    drawn_losses,
)
from model.training.step import AdaptedBackbone
from tests.model.tiny import tiny_adapter, tiny_backbone

PHASE = backbone.DRAWN_PHASE.model_copy(update={"drawn": 2})


@pytest.fixture
def critics() -> Critics:
    torch.manual_seed(0)
    return Critics()


def seen(seed: int) -> Seen:
    draws = torch.Generator().manual_seed(seed)
    return Seen(*(torch.rand(2, 3, side, side, generator=draws) * 2 - 1 for side in (64, 112)))


def test_the_parts_add_up_and_reach_model_and_critics(source: backbone.Source, critics: Critics) -> None:
    model = AdaptedBackbone(tiny_backbone().requires_grad_(True), tiny_adapter())
    found = drawn_losses(model, source.batches.batch(0, PHASE), source.judges, PHASE, critics)
    people = PHASE.identity * found["identity"] + PHASE.contrastive * found["contrastive"]
    people = people + LIKENESS * found["likeness"] + MOUTH * found["mouths"]
    asked = REALISM * found["complaint"] + VARIETY * found["sameness"] + TYPICAL * found["oddity"]
    torch.testing.assert_close(found["total"], found["flow"] + people + asked + found["judgement"])
    found["total"].backward()
    for critic in (critics.faces, critics.mouths, critics.pictures):
        assert all(weight.grad is not None for weight in critic.heads.parameters())
        assert all(weight.grad is None for weight in critic.eyes.parameters())
    assert model.backbone.proj_out.weight.grad is not None


def test_nobody_has_to_be_known_in_pictures_that_are_switched_off(source: backbone.Source, critics: Critics) -> None:
    batch = source.batches.batch(0, PHASE)
    everyone = backbone.switched_off(batch, torch.ones(len(batch.t), dtype=torch.bool))
    found = drawn_losses(AdaptedBackbone(tiny_backbone(), tiny_adapter()), everyone, source.judges, PHASE, critics)
    assert not {"identity", "contrastive", "likeness", "mouths"} & found.keys()
    assert torch.isfinite(found["total"])


def test_two_drawings_of_the_same_are_to_differ(critics: Critics) -> None:
    one, other = seen(1), seen(2)
    alike = Seen(one.pictures + 0.01 * other.pictures, (one.faces + 0.01 * other.faces).requires_grad_())
    price = critics.sameness(one, alike)
    assert critics.sameness(one, other) == 0
    assert 1.5 * APART < float(price.detach()) < 2 * APART
    price.backward()
    assert alike.faces.grad is not None
    assert alike.faces.grad.any()


def test_a_face_beyond_the_edge_is_seen_alike_in_photos_and_drawings() -> None:
    corner = torch.tensor([[[2.0, 2.0], [12.0, 2.0], [7.0, 8.0], [3.0, 13.0], [11.0, 13.0]]])
    face = Seen.at(torch.ones(1, 3, 64, 64), corner, torch.tensor([0])).faces
    assert face.amin() == -1
    assert face.amax() == 1


def test_a_mouth_is_the_middle_of_the_lower_face() -> None:
    face = torch.zeros(1, 3, 112, 112)
    face[:, :, 92, 56] = 1  # between the corners of the mouth
    mouth = Seen(face, face).mouths
    assert mouth.shape == (1, 3, 96, 128)
    assert divmod(int(mouth[0, 0].argmax()), 128) in {(y, x) for y in (56, 57) for x in (64, 65)}
