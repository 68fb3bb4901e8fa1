"""Faces of people who do not exist: MobileStyleGAN on OpenVINO, portraits of 512 px."""

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
import openvino as ov
from numpy.typing import NDArray

from model.weights import weight

SIZE = 512
LATENT = 512
# The network's last wavelet step turns a 512 px low band and three detail bands into 1024 px: stopping before it
# saves that step, and channels 0-2 halved are the 512 px picture.
LOW_BAND_NODE = "Add_754"
MEAN_SAMPLES = 512
TRUNCATION = 0.8  # how far new people are from the mean one: 0 not at all, 1 as trained
STREAMS = 2  # portraits under way at a time


class FaceGenerator:
    """Latents `w` [512] to portraits; float32, the pictures depend on the latents alone."""

    def __init__(self) -> None:
        core = ov.Core()
        precise = {"INFERENCE_PRECISION_HINT": "f32"}
        self._mapping = core.compile_model(
            core.read_model(weight("face-mapping.xml"), weight("face-mapping.bin")), "CPU", precise
        )
        network = core.read_model(weight("face-synthesis.xml"), weight("face-synthesis.bin"))
        low_band = next(node for node in network.get_ordered_ops() if node.get_friendly_name() == LOW_BAND_NODE)
        small = ov.Model([low_band.output(0)], network.get_parameters())
        self._synthesis = core.compile_model(
            small, "CPU", precise | {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": STREAMS}
        )
        self.mean = self._map(np.random.default_rng(0).standard_normal((MEAN_SAMPLES, LATENT))).mean(0)

    def sample(self, rng: np.random.Generator, count: int) -> NDArray[np.float32]:
        """Latents [count,512] of new people, drawn towards the mean person by `TRUNCATION`."""
        drawn = self._map(rng.standard_normal((count, LATENT)))
        return (self.mean + TRUNCATION * (drawn - self.mean)).astype(np.float32)

    def render(self, latents: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.uint8]]:
        """The portrait [512,512,3] RGB uint8 of each latent, in order, `STREAMS` of them under way at a time.

        No callbacks: one that is called from OpenVINO's threads can hang when the network is freed soon after.
        """
        running: deque[ov.InferRequest] = deque()
        spare = [self._synthesis.create_infer_request() for _ in range(STREAMS)]
        for latent in latents:
            if not spare:
                yield _finished(request := running.popleft())
                spare.append(request)
            running.append(spare.pop())
            running[-1].start_async({0: latent[None].astype(np.float32)})
        while running:
            yield _finished(running.popleft())

    def _map(self, noise: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.concatenate([self._mapping(row[None].astype(np.float32))[0].copy() for row in noise])


def _finished(request: ov.InferRequest) -> NDArray[np.uint8]:
    """Wait for a request; its picture."""
    request.wait()
    bands = request.get_output_tensor().data[0, :3]
    picture = np.clip((bands / 2 + 1) * 127.5 + 0.5, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(picture.transpose(1, 2, 0))
