"""What the operator of a service sets, all of it by environment variables, as containers are set up."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model.errors import UserError

PREFIX = "WITHANYONE_"


class ServiceSettings(BaseModel):
    """Each is the environment variable WITHANYONE_ and its name in capitals."""

    model_config = ConfigDict(frozen=True)

    tokens: Path | None = Field(None, description="file with one token a line; without it only the loopback is served")
    forgotten: Path | None = Field(None, description="forgotten.json of people whose face is refused")
    enrolled: Path | None = Field(None, description="file of the same form: only these people are accepted")
    certificate: Path | None = Field(None, description="PEM chain that signs the pictures, the signer's first")
    key: Path | None = Field(None, description="PEM private key of the certificate (ES256)")
    device: Literal["cpu", "cuda"] = Field("cpu", description="device where the networks run, cpu or cuda")
    sample: float = Field(0.1, ge=0, le=1, description="share of the requests whose pictures are scored")
    shadow: Path | None = Field(None, description="folder of a second Bento, tried on a share of the requests")
    shadow_share: float = Field(0.1, ge=0, le=1, description="that share")
    shadow_log: Path | None = Field(None, description="file that the shadow's scores are added to, numbers only")

    @classmethod
    def read(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings of the environment; raises UserError for the first that is not valid."""
        given = os.environ if environment is None else environment
        values = {name: given[PREFIX + name.upper()] for name in cls.model_fields if given.get(PREFIX + name.upper())}
        try:
            found = cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            name = str(first["loc"][0])
            asked = cls.model_fields[name].description
            raise UserError(f"{PREFIX}{name.upper()} is not valid ({first['msg']}); give the {asked}") from error
        if (found.certificate is None) != (found.key is None):
            raise UserError(f"{PREFIX}CERTIFICATE and {PREFIX}KEY belong together; give both or neither")
        if found.shadow and not found.shadow_log:
            raise UserError(f"{PREFIX}SHADOW needs {PREFIX}SHADOW_LOG; name the file for its scores")
        return found
