"""Minifies ES5 source for CloudFront's runtime, which has arrow functions."""

from collections.abc import Iterable
from itertools import product
from typing import Any

from calmjs.parse import asttypes, es5, rules
from calmjs.parse.lexers.es5 import Lexer
from calmjs.parse.ruletypes import Attr, CloseBlock, Declare, JoinAttr, OpenBlock, PopScope, PushScope, Text
from calmjs.parse.unparsers.es5 import Unparser, definitions
from calmjs.parse.walkers import Walker


def minified(source: str) -> str:
    """The minified source.

    The source must not use `this` or `arguments`, and must not call a function before all declarations.
    """
    tree = es5(source)
    built = {node.identifier.value for node in _all(tree, asttypes.NewExpr)}
    functions = _all(tree, asttypes.FuncBase)
    for function in functions:
        function.elements = _joined(_variable(element, built) for element in function.elements)
    for function in functions:
        if not function.identifier or function.identifier.value not in built:
            _to_arrow(function)
    shorten = rules.obfuscate(reserved_keywords=tuple(Lexer.keywords_dict))
    printed = Unparser(definitions=_DEFINITIONS, rules=[rules.minify(drop_semi=True), shorten])(tree)
    return "".join(chunk.text for chunk in printed)


def _all(tree: Any, kind: type) -> list[Any]:
    return list(Walker().filter(tree, lambda node: isinstance(node, kind)))


def _variable(element: Any, built: set[str]) -> Any:
    """A function declaration as a variable, unless it is called with `new`, which arrow functions do not support."""
    if isinstance(element, asttypes.FuncDecl) and element.identifier.value not in built:
        return asttypes.VarStatement([asttypes.VarDecl(element.identifier, element)])
    return element


def _joined(elements: Iterable[Any]) -> list[Any]:
    """The statements, with successive variable declarations joined into one."""
    joined: list[Any] = []
    for element in elements:
        if joined and all(isinstance(entry, asttypes.VarStatement) for entry in (joined[-1], element)):
            joined[-1] = asttypes.VarStatement([*joined[-1], *element])
        else:
            joined.append(element)
    return joined


def _to_arrow(function: Any) -> None:
    """Turn a function into an arrow function."""
    first = function.elements[0] if function.elements else None
    body = first.expr if isinstance(first, asttypes.Return) else None
    to = body is not None and not isinstance(body, asttypes.Object)
    if to:
        function.body = body
    function.__class__ = _ARROWS[len(function.parameters) == 1, to]


def _definition(one: bool, to: bool) -> tuple[Any, ...]:
    """The print rule of an arrow function. `one`: it has one parameter; `to`: its body is an expression."""
    opening, closing = ((), ()) if one else ((Text(value="("),), (Text(value=")"),))
    parameters = JoinAttr(Declare("parameters"), value=(Text(value=","),))
    body = (Attr("body"),) if to else (OpenBlock, JoinAttr("elements", value=()), CloseBlock)
    return *opening, PushScope, parameters, *closing, Text(value="=>"), *body, PopScope


_ARROWS = {
    key: type(f"Arrow{key[0]:d}{key[1]:d}", (asttypes.FuncBase,), {}) for key in product((False, True), repeat=2)
}
_DEFINITIONS = {**definitions, **{arrow.__name__: _definition(*key) for key, arrow in _ARROWS.items()}}
