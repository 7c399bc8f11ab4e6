"""A refusal of what is none of the choices names them, wherever they are: values, lists, and keys of maps."""

from __future__ import annotations

from enum import StrEnum

import msgspec
import pytest
from msgspec import Struct

from recoup.http.messages import misfit
from recoup.http.shapes import Shape


class Colour(StrEnum):
    """What may be chosen."""

    BLUE = "blue"
    RED = "red"


class Painted(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Has choices everywhere."""

    one: Colour = Colour.RED
    some: tuple[Colour, ...] = ()
    named: dict[Colour, str] = {}


@pytest.mark.parametrize(
    ("body", "param"),
    [(b'{"one": "x"}', "one"), (b'{"some": ["x"]}', "some[0]"), (b'{"named": {"x": "y"}}', "named")],
)
def test_the_choices_are_named(body: bytes, param: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(body, type=Painted)
    refusal = misfit(caught.value, Shape(Painted))
    assert (refusal.code, refusal.param) == ("not_a_choice", param)
    assert refusal.message.endswith("must be one of: blue, red.")
