"""The training set and its batches: the right pictures, the right references, and the same batch every time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from model.dataset.dataset import Dataset
from model.dataset.shards import ShardReader
from model.errors import UserError
from model.latents import encode, pack
from model.training import cache
from model.training.batches import Batches
from model.training.cache import Features, compute_features
from model.training.data import Target, TrainingSet, training_set
from model.training.feature_files import Share
from model.training.phases import Phase
from tests.model.tiny import TinyRecogniser, tiny_autoencoder
from tests.model.training.tiny_dataset import tiny_dataset
from tests.model.training.tiny_job import BUCKETS, encode_text

PAIRED = Phase(name="paired", steps=1, learning_rate=1, paired=1, fixed_prompt=0)
PLAIN = PAIRED.model_copy(update={"paired": 0.0})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    torch.set_num_threads(1)
    return tiny_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def data(dataset: Dataset) -> TrainingSet:
    return training_set(dataset, BUCKETS)


@pytest.fixture(scope="module")
def features(dataset: Dataset, data: TrainingSet, tmp_path_factory: pytest.TempPathFactory) -> Features:
    store = tmp_path_factory.mktemp("features")
    return compute_features(dataset, data, tiny_autoencoder(), TinyRecogniser(), encode_text, "tiny", store)


def test_only_the_training_split_is_learned_from(dataset: Dataset, data: TrainingSet) -> None:
    assert data.identities == ("ann", "bob", "cid")
    used = {target.image_id for target in data.targets}
    assert used == set(dataset.images.index[dataset.images["split"] == "train"])
    owners = dataset.faces["identity"].to_numpy()
    for row, code in zip(data.bank_rows, data.bank_codes, strict=True):
        assert owners[row] == data.identities[code]
        assert dataset.faces["role"].iloc[row] == "reference"


def test_references_are_other_photos_of_the_same_person(dataset: Dataset, data: TrainingSet) -> None:
    owners, photos = dataset.faces["identity"].to_list(), dataset.faces["image_id"].to_list()
    assert any(target.references[0] for target in data.targets)
    for target in data.targets:
        for own, code, others in zip(target.faces, target.identities, target.references, strict=True):
            assert (code < 0) == (owners[own] not in data.identities)
            assert all(owners[other] == owners[own] for other in others)
            assert all(photos[other] != target.image_id for other in others)


def test_unknown_faces_have_codes_of_their_own(data: TrainingSet) -> None:
    unknown = [code for target in data.targets for code in target.identities if code < 0]
    assert len(unknown) == len(set(unknown)) == 1


def test_features_are_the_networks_answers(dataset: Dataset, data: TrainingSet, features: Features) -> None:
    number, target = next((n, t) for n, t in enumerate(data.targets) if len(t.faces) == 2)
    photo = target.placement.image(dataset.image(target.image_id)).astype(np.float32)
    pixels = torch.from_numpy(photo / 127.5 - 1).permute(2, 0, 1)[None]
    latents, truths, shown = features.picture_of(number)
    assert shown is None
    with torch.no_grad():
        torch.testing.assert_close(latents, pack(encode(tiny_autoencoder(), pixels))[0])
    assert truths.shape == (2, 12)
    tokens, pooled = encode_text([target.caption])
    assert torch.equal(features.text_of([target.caption]).tokens, tokens)
    assert torch.equal(features.text_of([target.caption]).pooled, pooled)


def test_only_batches_in_which_something_changed_are_computed_again(
    dataset: Dataset, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CHUNK", 1)
    asked: list[str] = []

    def encode_and_note(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        asked.extend(texts)
        return encode_text(texts)

    def compute(targets: tuple[Target, ...], seed: int = 0) -> tuple[Features, int]:
        recogniser, seen = TinyRecogniser(), [0]
        recogniser.register_forward_hook(lambda _m, inputs, _o: seen.append(len(inputs[0])))
        part = replace(data, targets=targets)
        return compute_features(
            dataset, part, tiny_autoencoder(seed), recogniser, encode_and_note, "tiny", tmp_path
        ), sum(seen)

    first, faces = compute(data.targets[:-1])
    assert faces == sum(len(target.faces) for target in data.targets[:-1])
    more, faces = compute(data.targets)
    assert faces == len(data.targets[-1].faces)
    assert more.pictures[:-1] == first.pictures
    moved = replace(data.targets[0], landmarks=data.targets[0].landmarks + 1)
    assert compute((moved,))[1] == len(moved.faces)
    assert compute(data.targets, seed=9)[1] == sum(len(target.faces) for target in data.targets)
    assert len(asked) == len(set(asked))


def test_where_all_is_there_no_photo_is_read(
    dataset: Dataset, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compute(opened: Dataset) -> Features:
        return compute_features(opened, data, tiny_autoencoder(), TinyRecogniser(), encode_text, "tiny", tmp_path)

    first, read = compute(dataset), list[str]()
    monkeypatch.setattr(ShardReader, "_index", lambda _reader, shard: read.append(shard))
    assert compute(Dataset.open(dataset.folder)) == first
    assert not read


def test_processes_compute_a_part_each_of_what_is_missing(
    dataset: Dataset, data: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CHUNK", 1)
    made, asked = [], list[str]()

    def encode_and_note(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        asked.extend(texts)
        return encode_text(texts)

    networks = tiny_autoencoder(), TinyRecogniser(), encode_and_note, "tiny"
    for rank in range(3):
        compute_features(dataset, data, *networks, tmp_path, share=Share(rank, 3))
        made.append(len([*tmp_path.glob("pictures/*/*")]))
    pictures, prompts = len(data.targets), len(asked)
    features = compute_features(dataset, data, *networks, tmp_path)
    assert made == [-(-pictures // 3), -(-pictures // 3) + -(-(pictures - 1) // 3), pictures]
    assert len(asked) == len(features.prompts) == prompts
    assert all(file.is_file() for file in (*features.pictures, *features.prompts.values()))


def test_a_batch_is_a_function_of_seed_and_number(data: TrainingSet, features: Features) -> None:
    one, two = (Batches(data, features, size=3, seed=7) for _ in range(2))
    two.batch(40, PAIRED)
    for number in (0, 3, 11):
        a, b = one.batch(number, PAIRED), two.batch(number, PAIRED)
        for name in (field.name for field in fields(a)):
            left, right = getattr(a, name), getattr(b, name)
            assert torch.equal(left, right) if isinstance(left, Tensor) else str(left) == str(right), name
    other = Batches(data, features, size=3, seed=8)
    assert not torch.equal(one.batch(0, PAIRED).t, other.batch(0, PAIRED).t)


def test_an_epoch_shows_each_picture_and_a_batch_has_one_size(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=3, seed=7)
    plan = batches._epoch(0)
    seen = Counter(index for chosen in plan for index in chosen)
    assert set(seen) == set(range(len(data.targets)))
    assert sum(seen.values()) - len(seen) < 3 * len(BUCKETS)
    assert all(len({data.targets[index].size for index in chosen}) == 1 for chosen in plan)
    assert plan != batches._epoch(1)


def test_paired_batches_use_other_photos_and_plain_ones_the_own(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=4, seed=7)
    for number in range(6):
        chosen = batches._plan(0)[number] if number < batches._per_epoch else []
        for phase in (PAIRED, PLAIN):
            batch = batches.batch(number, phase)
            for row, index in enumerate(chosen):
                target = data.targets[index]
                for person, (own, others) in enumerate(zip(target.faces, target.references, strict=True)):
                    allowed = others if phase is PAIRED and others else (own,)
                    given = batch.embeddings[row, person].numpy()
                    assert any(np.array_equal(given, data.embeddings[candidate]) for candidate in allowed)


def test_faces_know_their_picture_and_padding_is_empty(data: TrainingSet, features: Features) -> None:
    batch = Batches(data, features, size=4, seed=1).batch(0, PAIRED)
    for row in range(4):
        people = int((batch.of_picture == row).sum())
        assert (batch.boxes[row, people:] == 0).all()
        assert (batch.boxes[row, :people, 2] > batch.boxes[row, :people, 0]).all()
    assert len(batch.landmarks) == len(batch.truths) == len(batch.identities) == len(batch.of_picture)
    assert batch.landmarks.shape[1:] == (5, 2)


def test_gate_and_share_choose_what_is_decoded(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=8, seed=1)
    gated = batches.batch(0, PLAIN.model_copy(update={"gate": 0.4}))
    assert torch.equal(gated.decoded, gated.t <= 0.4)
    assert gated.decoded.any()
    high = batches.batch(0, PLAIN.model_copy(update={"gate_from": 0.7}))
    assert torch.equal(high.decoded, high.t >= 0.7)
    assert high.decoded.any()
    assert not batches.batch(0, PLAIN.model_copy(update={"identity": 0.0, "contrastive": 0.0})).decoded.any()
    shares = [batches.batch(n, PLAIN.model_copy(update={"decoded": 0.25})).decoded.float().mean() for n in range(40)]
    assert 0.15 < float(torch.stack(shares).mean()) < 0.35


def test_prompts_are_captions_or_counts(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=4, seed=1)
    chosen = [data.targets[index] for index in batches._plan(0)[0]]
    captions = batches.batch(0, PLAIN).text
    counts = batches.batch(0, PLAIN.model_copy(update={"fixed_prompt": 1.0})).text
    words = {1: "one person", 2: "two people"}
    assert torch.equal(captions.tokens, encode_text([target.caption for target in chosen])[0])
    assert torch.equal(counts.pooled, encode_text([words[len(target.faces)] for target in chosen])[1])


def test_the_count_has_those_in_it_who_are_too_small_to_be_learned(dataset: Dataset) -> None:
    other = Dataset.open(dataset.folder)
    boxes = other.faces["box"].to_list()
    row = int(np.flatnonzero(other.faces["index"] == 1)[0])
    boxes[row] = np.append(boxes[row][:2], boxes[row][:2] + 9)
    other.faces["box"] = boxes
    photo = other.faces["image_id"].iloc[row]
    target = next(t for t in training_set(other, BUCKETS).targets if t.image_id == photo)
    assert (len(target.faces), target.fixed_prompt) == (1, "two people")


def test_a_dataset_without_usable_faces_is_refused(tmp_path: Path) -> None:
    small = tiny_dataset(tmp_path, photos=2, groups=0)
    with pytest.raises(UserError, match="20 pixels"):
        training_set(small, ((32, 32), (48, 32)))


def test_each_landmark_lies_in_the_box_of_its_person(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=4, seed=1)
    for number in range(6):
        batch = batches.batch(number, PAIRED)
        for row in range(4):
            people = batch.of_picture == row
            boxes = batch.boxes[row, : int(people.sum())]
            middles = batch.landmarks[people].mean(1)
            assert ((middles > boxes[:, :2]) & (middles < boxes[:, 2:])).all()


def test_negatives_are_drawn_by_identity_and_the_rest_of_the_batch_stays(data: TrainingSet, features: Features) -> None:
    batches = Batches(data, features, size=4, seed=1)
    plain, drawn = (batches.batch(3, PAIRED.model_copy(update={"negatives": n})) for n in (0, 3000))
    assert plain.negatives is None
    assert torch.equal(plain.noise, drawn.noise)
    assert torch.equal(plain.embeddings, drawn.embeddings)
    assert drawn.negatives is not None
    counts = np.bincount(data.bank_codes[drawn.negatives.numpy()])
    assert counts == pytest.approx(np.full(len(counts), 3000 / len(counts)), rel=0.15)
    assert batches.batch(3, PAIRED.model_copy(update={"negatives": 9, "contrastive": 0.0})).negatives is None


def test_a_dataset_without_references_has_no_negatives_to_draw(data: TrainingSet, features: Features) -> None:
    none = replace(data, bank_rows=data.bank_rows[:0], bank_codes=data.bank_codes[:0])
    batch = Batches(none, features, size=4, seed=1).batch(3, PAIRED.model_copy(update={"negatives": 9}))
    assert batch.negatives is None


def test_a_damaged_file_of_features_is_named(data: TrainingSet, features: Features, tmp_path: Path) -> None:
    prompt = data.targets[0].caption
    damaged = [tmp_path / name for name in ("picture", "prompt")]
    for copy, file in zip(damaged, (features.pictures[0], features.prompts[prompt]), strict=True):
        copy.write_bytes(file.read_bytes()[:100])
    spoiled = Features((damaged[0],), {prompt: damaged[1]})
    for file, read in zip(damaged, (lambda: spoiled.picture_of(0), lambda: spoiled.text_of([prompt])), strict=True):
        with pytest.raises(UserError, match=f"features {file}: no readable safetensors .*; delete it, and start again"):
            read()
        file.unlink()
        with pytest.raises(UserError, match=f"features {file}: .*start again"):
            read()
