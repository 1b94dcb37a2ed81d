"""A small linter for the page's scripts: names that nobody declares or nobody uses, and what the house forbids.

Scripts of one page see each other's declarations, so they are read together. Scopes are not told apart: a name counts
as declared where any script declares it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BROWSER = {
    "Array", "Blob", "Boolean", "CSS", "Date", "Error", "Event", "Float64Array", "Infinity", "Intl", "JSON",
    "KeyboardEvent", "Map", "Math", "MutationObserver", "NaN", "Node", "Number", "Object", "Promise", "Proxy",
    "Reflect", "RegExp", "ResizeObserver", "Set", "String", "Symbol", "TypeError", "URL", "URLSearchParams",
    "Uint8Array", "XMLSerializer", "addEventListener", "arguments", "cancelAnimationFrame", "clearInterval",
    "clearTimeout", "document", "getComputedStyle", "globalThis", "history", "location", "matchMedia", "navigator",
    "queueMicrotask", "requestAnimationFrame", "setInterval", "setTimeout", "structuredClone", "undefined", "window",
}  # fmt: skip
DECLARING = {"variable_declarator": "name", "arrow_function": "parameter", "catch_clause": "parameter",
             "for_in_statement": "left", "function_declaration": "name", "class_declaration": "name"}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "Function", "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "importScripts"}
FORBIDDEN_PROPERTIES = {"outerHTML", "insertAdjacentHTML", "write", "writeln", "sendBeacon"}


def faults(scripts: Mapping[str, str]) -> list[str]:
    """What is wrong with scripts that make one page, each as `file:line: what`."""
    import tree_sitter
    import tree_sitter_javascript

    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_javascript.language()))
    declared: dict[str, str] = {}
    used: dict[str, str] = {}
    out: list[str] = []
    for name, script in scripts.items():
        root = parser.parse(script.encode()).root_node
        declarations = {node.id for node in _declarations(root)}
        for node in _all(root):
            where, text = f"{name}:{node.start_point[0] + 1}", node.text.decode()
            if node.type == "ERROR" or node.is_missing:
                out.append(f"{where}: not JavaScript: {text[:40]!r}")
            elif node.type in ("identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"):
                (declared if node.id in declarations else used).setdefault(text, where)
                if text in FORBIDDEN_NAMES:
                    out.append(f"{where}: {text} is forbidden")
            elif node.type == "property_identifier" and text in FORBIDDEN_PROPERTIES:
                out.append(f"{where}: .{text} is forbidden")
            elif node.type in ("variable_declaration", "debugger_statement", "with_statement"):
                out.append(f"{where}: no var, debugger, with: {text[:40]!r}")
            elif node.type in ("==", "!="):
                out.append(f"{where}: {text} compares what it has converted; write {text}=")
    out += [f"{used[name]}: {name} is not declared" for name in used.keys() - declared.keys() - BROWSER]
    out += [f"{declared[name]}: {name} is not used" for name in declared.keys() - used.keys() if name[0] != "_"]
    return sorted(out)


def _all(node: Any) -> Iterator[Any]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += node.children


def _declarations(root: Any) -> Iterator[Any]:
    """The identifiers that stand where a name is declared."""
    for node in _all(root):
        if node.type == "formal_parameters":
            yield from _bound(node)
        named = node.child_by_field_name(DECLARING.get(node.type, "")) if node.type in DECLARING else None
        if named is not None and (node.type != "for_in_statement" or node.child_by_field_name("kind") is not None):
            yield from _bound(named)


def _bound(pattern: Any) -> Iterator[Any]:
    """The identifiers that a pattern binds: not the defaults and the keys in it."""
    if pattern.type in ("identifier", "shorthand_property_identifier_pattern"):
        yield pattern
    elif pattern.type in ("assignment_pattern", "object_assignment_pattern"):
        yield from _bound(pattern.child_by_field_name("left"))
    elif pattern.type == "pair_pattern":
        yield from _bound(pattern.child_by_field_name("value"))
    else:
        for child in pattern.named_children:
            yield from _bound(child)
