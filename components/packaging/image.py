"""What the image of the Bento is made of: the Bento carries it, `bentoml containerize` reads it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bentoml.images import Image

BASE = "python:3.11-slim-bookworm"
UV = "0.13.9"
EXCLUDED = ("onnxruntime", "opencv-python")  # insightface asks for them; they would overwrite the pinned ones


def image() -> "Image":
    """The image up to its packages: no compiler and no git, which bentoml adds to the distributions it knows.

    uv installs the pinned packages and what these ask for, which is pinned as well, but for what torch brings for CUDA.
    """
    from bentoml.images import Image

    excluded = ", ".join(f'"{name}"' for name in EXCLUDED)
    settings = f"no-cache = true\\nexclude-dependencies = [{excluded}]\\n"
    return (
        Image(base_image=BASE, distro="")
        .run(f"python3 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv=={UV}")
        .run("ln -s /opt/uv/bin/uv /usr/local/bin/uv")
        .run(f"mkdir -p /root/.config/uv && printf '{settings}' > /root/.config/uv/uv.toml")
    )
