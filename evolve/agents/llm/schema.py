"""The fields of a KnowledgeItem or a Query as a JSON schema, and the reading of what a model filled in.

Made from the fields' specifications alone: a program's own classes are never executed on the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model
from pydantic_core import ErrorDetails

from evolve.models.coercions import NUMBER, TEXT, TRUTH, WHOLE, fitted, list_of, or_nothing
from evolve.models.structured import Unusable, read_object, shortened
from evolve.program import FieldSpec
from evolve.records import Fields

PROBLEMS = 5
"""The most that one error message tells of."""


_SCALARS: dict[str, tuple[Any, str, str]] = {
    "str": (TEXT, "text", "texts"),
    "int": (WHOLE, "whole number", "whole numbers"),
    "float": (NUMBER, "number", "numbers"),
    "bool": (TRUTH, "true or false", "true or false values"),
}
"""Type as a program writes it → type as it is validated, and its name in a prompt, one and many."""


class Schema:
    """Schema that a model must fill in, and the reader of its replies.

    Coercions do no harm or are not made (see ``evolve.models.coercions``): text that is a number for a
    number and the other way round, ``"true"`` for true, one value for a list of one, null or nothing for a
    field that may be None, null for one with a default, which leaves it to that. Whatever else does not fit
    is refused; nothing is guessed, cut or dropped.

    Args:
        name: of the class, for the provider and for errors.
        specs: its fields, of the types that the contract of memory programs allows.
    """

    def __init__(self, name: str, specs: Sequence[FieldSpec]) -> None:
        self.name = name
        self._specs = {spec.name: spec for spec in specs}
        # A program may call a field whatever it likes, such as model_config: only the alias is its name.
        fields: dict[str, Any] = {
            f"field_{number}": (_type(spec), Field(alias=spec.name, description=spec.description or None))
            for number, spec in enumerate(self._specs.values())
        }
        config = ConfigDict(extra="forbid", coerce_numbers_to_str=True, allow_inf_nan=False)
        self._model: type[BaseModel] = create_model(name, __config__=config, **fields)

    @cached_property
    def json_schema(self) -> dict[str, JsonValue]:
        """Return the schema for a provider's strict mode: every key required, no other allowed, null for left
        out.
        """
        schema = self._model.model_json_schema()
        for entry in schema["properties"].values():
            entry.pop("title", None)
            entry.pop("default", None)
        return cast("dict[str, JsonValue]", {**schema, "required": list(self._specs)})

    @cached_property
    def outline(self) -> str:
        """Return the fields for a prompt: one line each with name, type in words and description."""
        return "\n".join(
            f'"{spec.name}": {_in_words(spec)}' + (f" — {spec.description}" if spec.description else "")
            for spec in self._specs.values()
        )

    def read(self, text: str) -> Fields:
        """The fields in a reply; what is left to its default is absent.

        Raises:
            Unusable: the reply holds no object of this schema; the text says exactly what is wrong.
        """
        given = fitted(read_object(text, self._specs), self._specs)
        for name, spec in self._specs.items():
            if spec.optional and spec.required:
                given.setdefault(name, None)
            elif not spec.optional and not spec.required and given.get(name, "") is None:
                del given[name]
        try:
            filled = self._model.model_validate(given)
        except ValidationError as error:
            found = error.errors(include_url=False)
            problems = [self._explained(detail) for detail in found[:PROBLEMS]]
            more = [f"and {len(found) - PROBLEMS} more"] if len(found) > PROBLEMS else []
            raise Unusable("; ".join((*problems, *more)) + ".") from None
        return filled.model_dump(by_alias=True, exclude_unset=True)

    def _explained(self, detail: ErrorDetails) -> str:
        name, *place = (str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            return f"the field {name!r} is missing"
        if detail["type"] == "extra_forbidden":
            return f"there is no field {shortened(name)}; the fields are {', '.join(self._specs)}"
        where = f"{name!r}, entry {int(place[0]) + 1}" if place and place[0].isdigit() else f"{name!r}"
        wanted = _in_words(self._specs[name])
        return f"the field {where}: {detail['msg']}; expected {wanted}, found {shortened(detail['input'])}"


def _type(spec: FieldSpec) -> Any:
    """The type that a field's value is validated by, with its default where it may be left out."""
    bare, _ = _entry(spec)
    kind = list_of(bare) if _is_list(spec) else bare
    if spec.required and not spec.optional:
        return kind
    absent = kind | None if spec.base == "str" or not spec.optional else or_nothing(kind)
    return Annotated[absent, Field(default=None)]


def _in_words(spec: FieldSpec) -> str:
    _, words = _entry(spec)
    null = " or null" if spec.optional else " or null to leave it out" if not spec.required else ""
    return f"{'list of ' if _is_list(spec) else ''}{words}{null}"


def _entry(spec: FieldSpec) -> tuple[Any, str]:
    """Type and words of a field's value, or of the entries of its list."""
    kind, one, many = _SCALARS[spec.base.removeprefix("list[").removesuffix("]")]
    return kind, many if _is_list(spec) else one


def _is_list(spec: FieldSpec) -> bool:
    return spec.base.startswith("list[")
