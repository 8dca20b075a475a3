"""Targets asked by chance, each by its seed and number: half of a query that means something, half of what does not."""

import random
from urllib.parse import quote, quote_from_bytes

from chalicelib.operations import PARAMETERS
from system.hostile.keys import KEYS, NAMES
from system.hostile.queries import NUMBERS

_LETTERS = "aw0=,.&?#%+~/\\:;'\"<>{}[]|`$ \0\r\n\t\x7f\x85é猫🐈\u202e\ufeff"


def question(seed, number):
    """A request's target."""
    chance = random.Random(f"{seed} question {number}")
    path, query = chance.choice(PATHS)(chance), "&".join(_pair(chance) for _ in range(chance.choice((0, 1, 2, 3, 9))))
    return f"/{path}{'?' if query else ''}{query}"


def _noise(chance, most=40):
    return "".join(chance.choice(_LETTERS) for _ in range(chance.randint(0, most)))


def _bytes(chance):
    return quote_from_bytes(chance.randbytes(chance.randint(0, 40)))


def _name_of_a_derivative(chance):
    pairs = ",".join(f"{chance.choice(list(PARAMETERS))}={_value(chance)}" for _ in range(chance.randint(1, 4)))
    return quote(f"cat.jpg/{pairs}.{chance.choice(('jpg', 'png', 'webp', 'avif', 'gif', 'html', ''))}")


PATHS = (
    lambda chance: "cat.jpg",
    lambda chance: "cat.jpg",
    _name_of_a_derivative,
    lambda chance: f"cat.jpg/{chance.choice(NAMES)}",
    lambda chance: quote(chance.choice([key for key, _ in KEYS.values()])),
    lambda chance: quote(_noise(chance)),
    lambda chance: _noise(chance).replace("\r", "").replace("\n", "").replace("?", ""),
    _bytes,
)


def _pair(chance):
    name = chance.choice((*PARAMETERS, *PARAMETERS, "preset", "auto", "fm", _noise(chance, 9)))
    return f"{quote(name)}={quote(_value(chance))}"


def _value(chance):
    known = chance.choice(list(PARAMETERS.values())).kind.good
    return str(chance.choice((chance.choice(NUMBERS), _noise(chance, 12), str(chance.randint(-9, 9999)), *known[:6])))
