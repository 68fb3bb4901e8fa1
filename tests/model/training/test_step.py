"""One step: what the total is made of, what is not computed, and that each loss can be driven down."""

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import Tensor, nn

from model.adapter.regions import cells_in_boxes
from model.dataset.dataset import Dataset
from model.latents import decode
from model.losses.flow import noised
from model.presets import nano
from model.sampler import Request, Sampler
from model.training.batches import Batch
from model.training.phases import Phase
from model.training.step import AdaptedBackbone, Judges, losses, recompute
from tests.model.tiny import tiny_adapter, tiny_autoencoder, tiny_backbone
from tests.model.training.test_crowds import crowds, networks
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import tiny_trainer

PHASE = Phase(name="both", steps=1, learning_rate=1e-3, identity=0.5, contrastive=0.2)


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> tuple[Batch, Judges]:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("step")
    dataset: Dataset = tiny_dataset(folder / "dataset")
    trainer = tiny_trainer(dataset, folder / "work")
    batches = (trainer.batches.batch(number, PHASE) for number in range(20))
    return next(batch for batch in batches if batch.size == (96, 64)), trainer.judges


def model(*, trained: bool = True) -> AdaptedBackbone:
    return AdaptedBackbone(tiny_backbone(), tiny_adapter(trained=trained))


def only(batch: Batch, pictures: list[bool]) -> Batch:
    return replace(batch, decoded=torch.tensor(pictures))


def test_total_is_the_weighted_sum(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    found = losses(model(), batch, judges, PHASE)
    torch.testing.assert_close(
        found["total"], found["flow"] + 0.5 * found["identity"] + 0.2 * found["contrastive"], rtol=1e-5, atol=1e-6
    )


def test_a_picture_above_the_gate_weighs_zero_and_its_company_no_more(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    plain = Phase(name="identity", steps=1, learning_rate=1e-3, identity=1, contrastive=0)
    alone = [losses(model(), only(batch, [n == k for n in range(4)]), judges, plain) for k in range(4)]
    two = losses(model(), only(batch, [True, False, True, False]), judges, plain)
    extras = [one["total"] - one["flow"] for one in alone]
    torch.testing.assert_close(two["total"] - two["flow"], extras[0] + extras[2], rtol=1e-4, atol=1e-5)


def test_nothing_is_recognised_where_nothing_is_decoded(job: tuple[Batch, Judges]) -> None:
    batch, judges = job

    def refuse(_crops: Tensor) -> Tensor:
        raise AssertionError("the recogniser was called")

    found = losses(model(), only(batch, [False] * 4), replace(judges, recognise=refuse), PHASE)
    assert found.keys() == {"flow", "total"}
    with pytest.raises(AssertionError, match="recogniser"):
        losses(model(), batch, replace(judges, recognise=refuse), PHASE)


def test_the_tokens_of_faces_count_as_often_as_the_phase_says(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    network, nobody = model(), torch.zeros(4, dtype=torch.bool)
    batch = replace(batch, decoded=nobody)
    plain, weighted = (
        losses(network, batch, judges, PHASE.model_copy(update={"face_weight": weight}))["flow"] for weight in (1, 1e6)
    )
    faces = cells_in_boxes(batch.boxes, *batch.size).any(-1)
    predicted = network(noised(batch.clean, batch.noise, batch.t), batch)
    squares = (predicted - (batch.noise - batch.clean)).square().mean(-1)
    torch.testing.assert_close(plain, squares.mean())
    torch.testing.assert_close(weighted, ((squares * faces).sum(1) / faces.sum(1)).mean(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("weights", "computed"),
    [
        ({"identity": 0, "contrastive": 0}, set()),
        ({"identity": 0}, {"contrastive"}),
        ({"contrastive": 0}, {"identity"}),
        ({}, {"identity", "contrastive"}),
    ],
)
def test_a_loss_of_zero_weight_is_not_computed(
    job: tuple[Batch, Judges], weights: dict[str, float], computed: set[str]
) -> None:
    batch, judges = job
    calls: Counter[str] = Counter()
    autoencoder = tiny_autoencoder()
    autoencoder.decoder.conv_in.register_forward_hook(lambda *_: calls.update(["decoder"]))

    def recognise(crops: Tensor) -> Tensor:
        calls.update(["recogniser"])
        return judges.recognise(crops)

    watched = replace(judges, autoencoder=autoencoder, recognise=recognise)
    found = losses(model(), batch, watched, PHASE.model_copy(update=weights))
    assert found.keys() == {"flow", "total", *computed}
    assert calls == ({"decoder": 1, "recogniser": 1} if computed else {})


def test_a_phase_that_draws_is_shown_what_the_sampler_makes_of_the_noise(
    job: tuple[Batch, Judges], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, judges = job
    batch, latents = only(batch, [True, False, True, True]), list[Tensor]()

    def watched(autoencoder: AutoencoderKL, given: Tensor) -> Tensor:
        latents.append(given)
        return decode(autoencoder, given)

    for place in ("model.training.step.decode", "model.sampler.decode"):
        monkeypatch.setattr(place, watched)
    network, drawing = model(), PHASE.model_copy(update={"drawn": 3})
    found = losses(network, batch, judges, drawing)
    assert found.keys() == {"flow", "identity", "contrastive", "total"}
    assert torch.equal(found["flow"], losses(network, batch, judges, PHASE)["flow"])

    kept = batch.only(batch.decoded.nonzero().flatten())
    pipe = Sampler(nano(), network.backbone, judges.autoencoder, lambda _: kept.text, network.adapter)
    noise = iter(kept.noise)
    monkeypatch.setattr(pipe, "_noise", lambda *_: next(noise))
    pipe(
        [Request("", e.numpy(), b.numpy(), *kept.size, 0) for e, b in zip(kept.embeddings, kept.boxes, strict=True)],
        steps=3,
    )
    torch.testing.assert_close(latents[0], torch.cat(latents[-3:]), rtol=1e-4, atol=1e-4)


def test_drawing_learns_through_all_its_steps(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    network = model()
    drawing = PHASE.model_copy(update={"drawn": 2})
    found = losses(network, batch, judges, drawing)
    (found["total"] - found["flow"]).backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in network.adapter.parameters())


def test_some_pictures_of_a_batch_keep_what_is_theirs(job: tuple[Batch, Judges]) -> None:
    batch, _ = job
    chosen = torch.tensor([1, 3])
    some = batch.only(chosen)
    assert torch.equal(some.clean, batch.clean[chosen])
    assert torch.equal(some.text.tokens, batch.text.tokens[chosen])
    faces = [n for n, picture in enumerate(batch.of_picture.tolist()) if picture in (1, 3)]
    assert torch.equal(some.truths, batch.truths[faces])
    assert some.of_picture.tolist() == [{1: 0, 3: 1}[int(batch.of_picture[n])] for n in faces]


def test_drawn_negatives_are_the_only_ones_of_the_bank(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    everything = torch.arange(len(judges.bank.identities))
    network = model()
    all_of_them, drawn, few = (
        losses(network, replace(batch, negatives=rows), judges, PHASE)["contrastive"]
        for rows in (None, everything, everything[:3])
    )
    torch.testing.assert_close(all_of_them, drawn)
    assert few < drawn


@pytest.mark.parametrize("term", ["flow", "identity", "contrastive"])
def test_each_loss_can_be_driven_down_through_the_adapter_alone(job: tuple[Batch, Judges], term: str) -> None:
    batch, judges = job
    network = model(trained=False)
    frozen = {name: tensor.clone() for name, tensor in network.backbone.state_dict().items()}
    optimiser = torch.optim.Adam(network.adapter.parameters(), lr=3e-3)
    course = []
    for _ in range(40):
        loss = losses(network, batch, judges, PHASE)[term]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        course.append(float(loss.detach()))
    assert course[-1] < {"flow": 0.9, "identity": 0.8, "contrastive": 0.8}[term] * course[0]
    assert all(torch.equal(tensor, frozen[name]) for name, tensor in network.backbone.state_dict().items())


def test_gradients_agree_with_differences(job: tuple[Batch, Judges]) -> None:
    batch, judges = job
    network = model()
    weight = network.adapter.attentions()[1].to_out.weight
    losses(network, batch, judges, PHASE)["total"].backward()
    assert weight.grad is not None
    direction = weight.grad / weight.grad.norm()
    with torch.no_grad():
        ends = []
        for sign in (1, -1):
            weight.add_(sign * 1e-2 * direction)
            ends.append(float(losses(network, batch, judges, PHASE)["total"]))
            weight.sub_(sign * 1e-2 * direction)
    assert (ends[0] - ends[1]) / 2e-2 == pytest.approx(float(weight.grad.norm()), rel=0.05)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_recomputed_blocks_give_the_same_gradients(job: tuple[Batch, Judges], share: float) -> None:
    batch, judges = job
    gradients = []
    for part in (0.0, share):
        network = model()
        recompute(network.backbone, part)
        losses(network, batch, judges, PHASE)["total"].backward()
        gradients.append([parameter.grad for parameter in network.adapter.parameters()])
    for kept, again in zip(*gradients, strict=True):
        torch.testing.assert_close(kept, again)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_autocast_is_for_the_adapter_where_the_backbone_has_its_precision(share: float) -> None:
    network, judges = networks()
    network.backbone.to(torch.bfloat16)
    recompute(network.backbone, share)
    cast = defaultdict[str, set[bool]](set)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.LayerNorm | nn.RMSNorm):
            part = cast[name.split(".")[0]]
            module.register_forward_hook(lambda *_, part=part: part.add(torch.is_autocast_enabled("cpu")))

    def predicted(x_t: Tensor, batch: Batch) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            found: Tensor = network(x_t, batch)
        return found

    losses(predicted, crowds(1, 3), judges, PHASE)["total"].backward()
    assert cast == {"backbone": {False}, "adapter": {True}}
