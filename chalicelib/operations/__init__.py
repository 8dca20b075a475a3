"""Every operation, in pipeline order: the order of the modules here, then of the functions in each."""

from ..parameters.schema import operations_of
from . import colour, effects, output, size

_MODULES = (size, colour, effects, output)

OPERATIONS = operations_of(_MODULES)
THEMES = {module.__name__.rpartition(".")[2].capitalize(): operations_of((module,)) for module in _MODULES}
PARAMETERS = {parameter.name: parameter for entry in OPERATIONS for parameter in entry.parameters}
ALIASES = {alias: name for name, parameter in PARAMETERS.items() for alias in parameter.aliases}
