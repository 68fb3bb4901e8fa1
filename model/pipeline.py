"""The model as a pipeline of diffusers: prompt and reference photos in, pictures out."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from diffusers import DiffusionPipeline, FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.pipelines.pipeline_utils import ImagePipelineOutput
from numpy.typing import NDArray
from PIL import Image
from PIL.ImageOps import exif_transpose as upright
from torch import Tensor

from model.adapter.checkpoint import load_adapter, read_description
from model.adapter.component import AdapterComponent
from model.adapter.network import IdentityAdapter
from model.adapter.sizes import SIG
from model.dataset.buckets import Size
from model.editing import blurred_faces, faces_blurred, fitted, least_face
from model.errors import UserError
from model.faces.analyser import Analyser, Face, load_analyser
from model.flux_text import FluxText
from model.latents import CELL
from model.layout import layout
from model.parts import SIGLIP, pack_folder, read_part
from model.presets import (
    Preset,
    load_autoencoder,
    load_backbone,
    load_text,
    load_tower,
    precision,
    preset,
)
from model.sampler import BATCH, Request, Sampler, check_boxes
from model.siglip import VisionTower, face_crop

UPSTREAM = 64  # how many times too few image tokens the released code reckons with when it shifts the times


class WithAnyonePipeline(DiffusionPipeline):
    """FLUX with an identity adapter: `pipe(prompt, references, boxes=None, ...)`.

    `from_pretrained` reads a folder that `save_pretrained` wrote, or a FLUX model with `adapter=` given;
    `of_model` puts one together from a model folder of the train step and its preset's parts. `pack` is the folder (or
    name) of the insightface pack that reads references.
    """

    model_cpu_offload_seq = "image_encoder->text_encoder_2->text_encoder->transformer->vae"  # as they are run
    _optional_components: ClassVar[list[str]] = ["image_encoder"]
    # The adapter works inside the transformer, and SigLIP's head reads the weights of a layer that it never calls.
    _exclude_from_cpu_offload: ClassVar[list[str]] = ["adapter", "image_encoder"]

    def __init__(
        self,
        scheduler: Any,
        vae: Any,
        text_encoder: Any,
        tokenizer: Any,
        text_encoder_2: Any,
        tokenizer_2: Any,
        transformer: Any,
        adapter: IdentityAdapter,
        image_encoder: Any = None,
        pack: str = "antelopev2",
        name: str = "flux-dev",
    ) -> None:
        """`name` is that of the preset whose sizes, steps and guidance are the defaults."""
        super().__init__()
        self.register_modules(
            scheduler=scheduler,
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            text_encoder_2=text_encoder_2,
            tokenizer_2=tokenizer_2,
            transformer=transformer,
            adapter=adapter if isinstance(adapter, AdapterComponent) else AdapterComponent.of(adapter, name),
            image_encoder=image_encoder,
        )
        self.register_to_config(pack=pack, name=name)
        self._faces: Analyser | None = None

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | PathLike[str], **options: Any) -> Self:
        """As diffusers does it, but from safetensors alone: other weights are pickles."""
        options["use_safetensors"] = True
        return cast(Self, super().from_pretrained(str(pretrained_model_name_or_path), **options))

    @classmethod
    def of_model(cls, model: Path, chosen: Preset | None = None, device: str = "cpu") -> Self:
        """The pipeline of a model folder, with the frozen parts of its preset (or of `chosen`).

        UserError where the folder is no model, or of a preset without such parts.
        """
        chosen = chosen or preset(read_description(model)["preset"])
        if chosen.parts is None:
            raise UserError(f"the model {model} is of preset {chosen.name}, which has no diffusers pipeline; serve it.")
        text, tower = load_text(chosen), load_tower(chosen)
        assert isinstance(text, FluxText)
        made = cls(
            scheduler=read_part(FlowMatchEulerDiscreteScheduler, chosen.parts.base, "scheduler"),
            vae=load_autoencoder(chosen),
            text_encoder=text.clip,
            tokenizer=text.clip_tokenizer,
            text_encoder_2=text.t5,
            tokenizer_2=text.t5_tokenizer,
            transformer=load_backbone(chosen),
            adapter=load_adapter(model, precision(chosen)),
            image_encoder=tower and tower.model,
            pack=chosen.parts.pack,
            name=chosen.name,
        )
        return cast(Self, made.to(device))

    @torch.inference_mode()
    def __call__(
        self,
        prompt: str,
        references: Sequence[Image.Image],
        boxes: Sequence[Sequence[float]] | None = None,
        *,
        image: Image.Image | None = None,
        id_weight: float = 1.0,
        siglip_weight: float = 1.0,
        width: int | None = None,
        height: int | None = None,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        num_images_per_prompt: int = 1,
        generator: torch.Generator | None = None,
        upstream_shift: bool = False,
        return_dict: bool = True,
    ) -> Any:
        """`num_images_per_prompt` pictures of the people in `references`, one photo each, as the prompt says.

        `boxes` (x1, y1, x2, y2 in pixels) say where each person's face goes, in the order of the references; without
        them people stand side by side. `image` is the photo to edit, for Kontext: its faces, from left to right, become
        those of the references. `id_weight` and `siglip_weight` scale the branches; 0 switches one off. Width and
        height are multiples of 16, by default those of the preset for so many people. `generator` is one of the CPU.
        `upstream_shift` shifts the times as the released code does, which counts 64 times too few image tokens.
        Returns images in `.images`, or a tuple. UserError names what cannot be met.
        """
        chosen = self._preset(image)
        _check_references(prompt, references)
        _check_numbers({"id_weight": id_weight, "siglip_weight": siglip_weight})
        _check_numbers({} if guidance_scale is None else {"guidance_scale": guidance_scale})
        counts = {"num_inference_steps": num_inference_steps, "num_images_per_prompt": num_images_per_prompt}
        _check_counts(counts | {"width": width, "height": height})
        usual = chosen.bucket(len(references))
        size = (width or usual[0], height or usual[1])
        people = [self._reference(photo, number) for number, photo in enumerate(references)]
        shown, places = self._places(len(people), boxes, image, size)
        request = Request(
            prompt,
            np.stack([face.embedding for face, _ in people]) if people else np.zeros((0, 0), np.float32),
            places,
            *size,
            seed=0,
            patches=self._patches(people) if siglip_weight else None,
            shown=shown,
            generator=_noise_source(generator),
        )
        steps = num_inference_steps or chosen.steps
        with self.progress_bar(total=steps * math.ceil(num_images_per_prompt / BATCH)) as bar:
            pictures = self._sampler(chosen)(
                [request] * num_images_per_prompt,
                steps=steps,
                id_weight=id_weight,
                siglip_weight=siglip_weight,
                guidance=guidance_scale,
                times=partial(self._times, fewer=UPSTREAM if upstream_shift else 1),
                on_step=lambda *_: bar.update(),
            )
        self.maybe_free_model_hooks()
        return ImagePipelineOutput(images=pictures) if return_dict else (pictures,)

    def _preset(self, image: object) -> Preset:
        if self.transformer.is_cache_enabled:
            kind = type(self.transformer._cache_config).__name__
            raise UserError(
                f"transformer: a cache of diffusers ({kind}) skips parts of it in which the adapter acts; call "
                "transformer.disable_cache()."
            )
        chosen = preset(self.config.name)
        if not isinstance(image, Image.Image | None):
            raise UserError(f"image: {image!r} is no picture as PIL opens it; give one.")
        if (image is not None) != chosen.edits:
            why = "needs the photo that it edits" if chosen.edits else "makes new pictures and edits none"
            raise UserError(f"image: the preset {chosen.name} {why}; {'give it' if chosen.edits else 'leave it out'}.")
        return chosen

    def _sampler(self, chosen: Preset) -> Sampler:
        encoders = self.text_encoder, self.tokenizer, self.text_encoder_2, self.tokenizer_2
        device = self._execution_device
        text = FluxText(*encoders, chosen.text_tokens, device)
        return Sampler(chosen, self.transformer, self.vae, text.encode, self.adapter, device)

    def _times(self, steps: int, tokens: int, fewer: int) -> Tensor:
        """The scheduler's times for so many image tokens, shifted as if they were `fewer` times fewer."""
        c = self.scheduler.config
        line = c.base_image_seq_len, c.max_image_seq_len, c.base_shift, c.max_shift
        mu = calculate_shift(tokens // fewer, *line)
        self.scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=mu)
        times: Tensor = self.scheduler.sigmas
        return times

    def _reference(self, photo: Image.Image, number: int) -> tuple[Face, NDArray[np.uint8]]:
        """The largest face of a reference photo, and the photo [H, W, 3]."""
        pixels = np.asarray(upright(photo).convert("RGB"))
        faces = self._found(pixels)
        if not faces:
            raise UserError(f"references[{number}]: no face is found in it; give a sharp photo of the face.")
        return max(faces, key=lambda face: float(np.prod(face.box[2:] - face.box[:2]))), pixels

    def _found(self, pixels: NDArray[np.uint8]) -> list[Face]:
        if self._faces is None:
            self._faces = load_analyser(pack=pack_folder(self.config.pack))
        return self._faces.analyse([pixels])[0]

    def _patches(self, people: Sequence[tuple[Face, NDArray[np.uint8]]]) -> NDArray[np.float32] | None:
        if SIG not in self.adapter.sizes.branches:
            return None
        if self.image_encoder is None:
            raise UserError(
                f"siglip_weight: the adapter has a SigLIP branch but the pipeline no image_encoder; give one ({SIGLIP} "
                "names it) or a siglip_weight of 0."
            )
        crops = [face_crop(photo, face.box) for face, photo in people]
        return VisionTower(self.image_encoder).patches(crops).float().cpu().numpy()

    def _places(
        self, people: int, boxes: Sequence[Sequence[float]] | None, image: Image.Image | None, size: Size
    ) -> tuple[NDArray[np.uint8] | None, NDArray[np.float32]]:
        """The photo to be shown, if any, and the boxes [people, 4] of the faces."""
        given = None if boxes is None else _boxes(boxes, people, size)
        if image is None:
            return None, layout(people, size) if given is None else given
        photo = fitted(upright(image), size)
        found = np.array([face.box for face in self._found(photo)], np.float32).reshape(-1, 4)
        if given is None:
            large = blurred_faces(found, size)
            if len(large) < people:
                raise UserError(
                    f"image: {len(large)} faces of {least_face(size):g} pixels are found for {people} references; give "
                    "boxes."
                )
            given = large[:people]
        return faces_blurred(photo, np.concatenate([found, given])), given  # a face in a box may not have been found


def _check_references(prompt: object, references: object) -> None:
    if not isinstance(prompt, str):
        raise UserError(f"prompt: {prompt!r} is no text; give one, and call again for another.")
    if not isinstance(references, Sequence) or not all(isinstance(photo, Image.Image) for photo in references):
        raise UserError("references: give a list of pictures as PIL opens them, one of each person.")


def _check_numbers(numbers: Mapping[str, object]) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise UserError(f"{name}: {value!r} is no number; give one, or leave it out.")


def _check_counts(counts: Mapping[str, object]) -> None:
    for name, value in counts.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, Integral) or value < 1):
            raise UserError(f"{name}: {value!r} is no whole number above 0; give one, or leave it out.")
        if isinstance(value, Integral) and name in ("width", "height") and int(value) % CELL:
            below = int(value) // CELL * CELL
            near = f"{below} or {below + CELL}" if below else CELL
            raise UserError(f"{name}: {value} is not a multiple of {CELL} pixels; give {near}.")


def _boxes(boxes: Sequence[Sequence[float]], people: int, size: Size) -> NDArray[np.float32]:
    try:
        given = np.array(boxes, np.float32)
    except (TypeError, ValueError):
        given = np.zeros(0, np.float32)
    if given.shape != (people, 4) or not np.isfinite(given).all():
        raise UserError(
            f"boxes: {boxes} is not one row of x1, y1, x2, y2 for each of {people} references; give as many, in their "
            "order, or none for people side by side."
        )
    check_boxes(given, size, "boxes")
    return given


def _noise_source(generator: torch.Generator | None) -> torch.Generator:
    if generator is None:
        generator = torch.Generator()
        generator.seed()
    if not isinstance(generator, torch.Generator):
        raise UserError(f"generator: {generator!r} is no torch.Generator; give one of the CPU, or none.")
    if generator.device.type != "cpu":
        raise UserError(f"generator: it is one of {generator.device}; give one of the CPU, the same on every machine.")
    return generator
