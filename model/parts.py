"""Where the frozen parts of a preset for large machines lie, and how one of them is read."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from model.errors import UserError
from model.network import why_no_answer

BASE, SIGLIP, PACK = "WITHANYONE_BASE", "WITHANYONE_SIGLIP", "WITHANYONE_PACK"
FLUX_DEV = "black-forest-labs/FLUX.1-dev"
FLUX_KONTEXT = "black-forest-labs/FLUX.1-Kontext-dev"
PIECES, PIECE = 256, 2**16  # how many pieces of a file, of how many bytes, tell it from another
SIGLIP_BASE = "google/siglip-base-patch16-256-i18n"


@dataclass(frozen=True)
class Parts:
    """Folders, or names on the hub, of what a preset does not ship.

    `base` holds a FLUX model in the layout of diffusers (transformer, vae, text_encoder, tokenizer, text_encoder_2,
    tokenizer_2), `siglip` a SigLIP model in that of transformers, `pack` the ONNX files of an insightface pack.
    """

    base: str = FLUX_DEV
    siglip: str = SIGLIP_BASE
    pack: str = "antelopev2"

    @classmethod
    def here(cls, base: str = FLUX_DEV) -> Self:
        """This machine's parts: WITHANYONE_BASE, WITHANYONE_SIGLIP and WITHANYONE_PACK where they are set.

        They belong to a machine, not to a job, so no setting and no file that a step writes names them.
        """
        named = os.environ.get
        return cls(named(BASE) or base, named(SIGLIP) or SIGLIP_BASE, named(PACK) or cls.pack)

    @property
    def digest(self) -> str:
        """Tells what lies here from other parts, in hex: names, sizes and pieces of files, or names on the hub.

        Pieces are spread evenly over a file of more than 16 MiB, and are all of a smaller one: a backbone takes a
        second instead of a minute, and one into which something was merged has changed from end to end.
        """
        total = hashlib.sha256()
        for where in (self.base, self.siglip, self.pack):
            place, local = located(where)
            total.update(b"folder" if local else f"{where}\n".encode())
            for file in sorted(path for path in Path(place).rglob("*") if local and path.is_file()):
                size = file.stat().st_size
                total.update(f"{file.relative_to(place).as_posix()}\0{size}\n".encode())
                with open(file, "rb") as handle:
                    for start in range(0, size, max(PIECE, -(-size // PIECES))):
                        handle.seek(start)
                        total.update(handle.read(PIECE))
        return total.hexdigest()


def located(where: str) -> tuple[str, bool]:
    """A folder's path, or the name as it is given, and whether it is a folder."""
    folder = Path(where).expanduser()
    return (str(folder), True) if folder.is_dir() else (where, False)


def read_part(kind: Any, where: str, subfolder: str) -> Any:
    """`kind.from_pretrained` of a folder, without asking the hub for anything, or of a name on the hub.

    UserError where it cannot be read.
    """
    return _read(kind.from_pretrained, kind, where, subfolder, {})


def read_network(kind: Any, where: str, subfolder: str = "", **options: Any) -> Any:
    """A part that is a network, `whole`."""
    return _read(partial(whole, kind), kind, where, subfolder, options)


def read_tokenizer(kind: Any, where: str, subfolder: str) -> Any:
    """A part that is a tokenizer, `literate`."""
    return _read(partial(literate, kind), kind, where, subfolder, {})


def whole(kind: Any, where: Any, **options: Any) -> Any:
    """`kind.from_pretrained` from safetensors alone and with each of the network's weights, else ValueError.

    The libraries make up at random what a file lacks, and say so in a warning.
    """
    network, found = kind.from_pretrained(where, use_safetensors=True, output_loading_info=True, **options)
    if found["missing_keys"]:
        raise ValueError(f"{min(found['missing_keys'])} is missing from its weights")
    return network


def literate(kind: Any, where: Any, **options: Any) -> Any:
    """`kind.from_pretrained` of a tokenizer; ValueError where its files are missing.

    Transformers then makes one that knows no letter, without a word.
    """
    tokenizer = kind.from_pretrained(where, **options)
    if "a" not in tokenizer.get_vocab():
        raise ValueError("its vocabulary is missing")
    return tokenizer


def _read(read: Callable[..., Any], kind: Any, where: str, subfolder: str, options: dict[str, Any]) -> Any:
    from huggingface_hub import is_offline_mode
    from safetensors import SafetensorError

    source, local = located(where)
    alone = local or is_offline_mode()  # diffusers would ask the hub for a list of shards all the same
    try:
        return read(source, subfolder=subfolder, local_files_only=alone, **options)
    except (OSError, ValueError, SafetensorError) as error:
        part = f"{subfolder} of '{where}'" if subfolder else f"'{where}'"
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"{part}: no {kind.__name__} can be read ({why}); set {BASE} and {SIGLIP} to folders with the models, or "
            "log in to the hub where they may be fetched."
        ) from error


def pack_folder(where: str) -> Path:
    """The folder of an insightface pack: one given, one that insightface keeps by that name, or one of the hub.

    UserError where there is none.
    """
    folders = [Path(where).expanduser(), Path.home() / ".insightface" / "models" / where]
    for folder in folders:
        if folder.is_dir():
            return folder
    if where.count("/") == 1 and not where.startswith((".", "~", "/")):
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(where, allow_patterns=["*.onnx"]))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            why = why_no_answer(error)
            raise UserError(
                f"insightface pack '{where}': the hub gives none ({why}); set {PACK} to a folder."
            ) from error
    raise UserError(
        f"insightface pack '{where}': there is no such folder, nor {folders[1]}; set {PACK} to the folder with its "
        ".onnx files."
    )
