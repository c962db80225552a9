"""Sections of params.yaml: their strictness, and the entries of rivals, whose own parameters the suite cannot know."""

import re
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Rival(BaseModel):
    """A refiner or estimator compared with SimGAN; what else an entry holds are the class's own parameters."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")
    code: str  # file or folder of the class: DVC runs the rival again when it changes

    @model_validator(mode="after")
    def _has_a_class(self) -> Self:
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", str(self.where)):
            raise PydanticCustomError("class", "class must be package.module:Class")
        return self

    @property
    def where(self) -> str:
        return (self.model_extra or {}).get("class", "")

    @property
    def own(self) -> dict[str, Any]:
        return {key: value for key, value in (self.model_extra or {}).items() if key != "class"}


TAKEN = {"synthetic", "refined", "real", "simgan", "photographed", "equalised"}  # rows that the results have already


def _free(name: str) -> str:
    if name in TAKEN or not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise PydanticCustomError("taken", "must be lower-case letters, digits and _, and no name of the suite's own")
    return name


Rivals = dict[Annotated[str, AfterValidator(_free)], Rival]


class Refiners(Section):
    gaze: Rivals
    hand: Rivals
