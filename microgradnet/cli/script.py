"""Somebody's own file: it is run as `python FILE.py` would run it, and asked for what it defines.

`running` runs it, `found` looks up a dotted name in it, `function_named` and `arguments` what can be called and with
what; `derivations` reads, without running the file, where derivatives are. Every refusal is an InputError of one
sentence that names the file, and what there is instead.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import io
import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.util import decode_source
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from microgradnet.errors import InputError

__all__ = ["arguments", "derivations", "found", "function_named", "not_leaving", "parts", "running"]

MOST_NAMES = 10
"""So many names are listed where one was not found."""


# --- running --------------------------------------------------------------------------------------------------------


@contextmanager
def running(path: str) -> Iterator[dict[str, Any]]:
    """Run the file as the program `__main__`, and give its names; it stays the main module until the block ends.

    `sys.argv`, `sys.path`, the main module and the current folder are put back. The file's output goes where output
    goes. Raises InputError where the file cannot be read, is not Python, or raises (SystemExit, too).
    """
    source = _source(path)
    code = _compiled(path, source)
    main = ModuleType("__main__")
    vars(main).update(__file__=os.path.abspath(path), __builtins__=builtins)
    lines = io.StringIO(source).readlines()
    argv, places, before, folder = sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd()
    streams = sys.stdout, sys.stderr
    sys.argv, sys.path[:0] = [path], [os.path.dirname(os.path.realpath(path))]
    sys.modules["__main__"] = main
    linecache.cache[path] = (len(source), None, lines, path)  # the lines that ran, wherever the code goes
    try:
        _execute(path, code, main)
        yield vars(main)
    finally:
        linecache.cache.pop(path, None)
        sys.modules["__main__"] = before
        sys.argv, sys.path[:] = argv, places
        os.chdir(folder)
        sys.stdout = sys.stdout or streams[0]  # the file may have set it to None
        sys.stderr = sys.stderr or streams[1]


def _source(path: str) -> str:
    if os.path.isdir(path):
        raise InputError(f"{path} is a folder; give the Python file in it")
    try:
        with open(path, "rb") as file:
            return decode_source(file.read())
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check its name and folder") from None
    except (SyntaxError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: this is not Python, or not in the encoding that it names: {_said(error)}") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _compiled(path: str, source: str) -> CodeType:
    try:
        return compile(source, path, "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise InputError(f"{path}{where}: this is not Python: {error.msg}; try: python {path}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise InputError(f"{path}: this is not Python that can be read: {_said(error)}") from None


def _execute(path: str, code: CodeType, main: ModuleType) -> None:
    try:
        exec(code, vars(main))
    except SystemExit as error:
        raise InputError(
            f"{path}, {_line_of(error, path)}: the file ends itself here by {_said(error)}; it has to run to its end, "
            "so leave that out"
        ) from None
    except Exception as error:
        raise InputError(
            f"{path}, {_line_of(error, path)}: the file ends here by {_said(error)}; it has to run to its end, try: "
            f"python {path}"
        ) from None


def _said(error: BaseException) -> str:
    """The type and the text of an exception, whatever its own __str__ does."""
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = ""
    return f"{type(error).__name__}{text and ': '}{text:.200}"


def _line_of(error: BaseException, path: str) -> str:
    """The last line of the file that the exception passed."""
    line, traceback = 0, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == path:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return f"line {line}"


@contextmanager
def not_leaving(path: str) -> Iterator[None]:
    """A SystemExit in the block, by the user's code, is an InputError."""
    try:
        yield
    except SystemExit as error:
        raise InputError(f"{path}, {_line_of(error, path)}: the code ends the program by {_said(error)}") from None


# --- names ----------------------------------------------------------------------------------------------------------


def parts(text: str) -> list[str]:
    """What stands between commas, without blanks around it; InputError where nothing stands.

    >>> parts("data, all_y_trues"), parts("")
    (['data', 'all_y_trues'], [])
    """
    if not text.strip():
        return []
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise InputError(f"{text!r:.60} has nothing between two commas; write names such as a,b")
    return found


def found(names: Mapping[str, Any], dotted: str, where: str) -> Any:
    """What a dotted name stands for in the file. Raises InputError that lists what there is, the nearest first."""
    first, *rest = dotted.split(".")
    if not all(part.isidentifier() for part in (first, *rest)):
        raise InputError(f"{where}: {dotted!r:.60} is no name; write it as in network.train")
    if first not in names:
        offered = _listed(_nearest(first, _offered(names)))
        raise InputError(f"{where}: there is no {first:.60}; the file has {offered or 'nothing'}")
    thing, so_far = names[first], first
    for part in rest:
        try:
            thing = getattr(thing, part)
        except AttributeError:
            there = _nearest(part, [name for name in dir(thing) if not name.startswith("_")])
            raise InputError(f"{where}: {so_far:.60} has no {part:.60}; it has {_listed(there) or 'nothing'}") from None
        except Exception as error:  # of a property
            raise InputError(f"{where}: {so_far:.60}.{part:.60} cannot be read: {_said(error)}") from None
        so_far += f".{part}"
    return thing


def _offered(names: Mapping[str, Any]) -> list[str]:
    """What a file defines itself: no modules, nothing private."""
    return [n for n, thing in names.items() if not n.startswith("_") and not isinstance(thing, ModuleType)]


def _nearest(name: str, there: Iterable[str]) -> list[str]:
    known = list(there)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    return [*near, *[other for other in known if other not in near]]


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return ", ".join(names[:MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def function_named(names: Mapping[str, Any], dotted: str, path: str) -> Callable[..., Any]:
    """The function or bound method of that name, written in Python. Raises InputError for anything else."""
    thing = found(names, dotted, path)
    if isinstance(thing, type):
        raise InputError(f"{path}: {dotted} is a class; name a method of an object{_of_objects(names, thing)}")
    if inspect.isgeneratorfunction(thing) or inspect.iscoroutinefunction(thing) or inspect.isasyncgenfunction(thing):
        raise InputError(
            f"{path}: {dotted} does not run when it is called: it has a yield, or is async; name a function"
        )
    if isinstance(getattr(thing, "__func__", thing), FunctionType):
        return thing  # type: ignore[no-any-return]
    if isinstance(getattr(type(thing), "__call__", None), FunctionType):  # noqa: B004
        return thing.__call__  # type: ignore[no-any-return]
    methods = _methods(type(thing))
    if methods:
        raise InputError(
            f"{path}: {dotted} is an object; name its method: {_listed([f'{dotted}.{m}' for m in methods])}"
        )
    raise InputError(f"{path}: {dotted} is of type {type(thing).__name__}; name a function or method written in Python")


def _of_objects(names: Mapping[str, Any], cls: type) -> str:
    """The methods of the objects of a class that a file has, as an example."""
    objects = [name for name, thing in names.items() if type(thing) is cls and not name.startswith("_")]
    if not objects:
        return f", so make one in the file: {cls.__name__.lower()} = {cls.__name__}(…)"
    return f": {_listed([f'{name}.{method}' for name in objects for method in _methods(cls)])}"


def _methods(cls: type) -> list[str]:
    return [
        name for name in dir(cls) if not name.startswith("_") and isinstance(getattr(cls, name, None), FunctionType)
    ]


# --- arguments ------------------------------------------------------------------------------------------------------


def arguments(
    names: Mapping[str, Any], text: str, function: Callable[..., Any], dotted: str, path: str
) -> tuple[list[Any], dict[str, Any]]:
    """(args, kwargs) from `data,all_y_trues,epochs=3`: names of the file, or numbers. InputError if they do not fit."""
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for part in parts(text):
        name, is_keyword, value = (word.strip() for word in part.partition("="))
        if not is_keyword:
            args.append(_argument(names, name, path))
        elif not (name.isidentifier() and value):
            raise InputError(f"--args: {part!r:.60} is no argument; write a name, a number, or NAME=NAME")
        elif name in kwargs:
            raise InputError(f"--args: {name:.60} is given twice; leave one out")
        else:
            kwargs[name] = _argument(names, value, path)
    signature = inspect.signature(function)
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        wanted = ", ".join(map(str, signature.parameters.values())) or "none"
        raise InputError(
            f"{path}: {dotted} cannot be called so: {error}; it takes by --args: {wanted}"
            f"{_object_first(names, function)}"
        ) from None
    return args, kwargs


def _argument(names: Mapping[str, Any], text: str, path: str) -> Any:
    """A number as Python reads it (2 is whole and stays so, 2.0 is a float), or what a name stands for."""
    if text in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[text]
    for read in (int, float):
        try:
            if text[-1:].isdigit() or text.endswith("."):
                return read(text)
        except ValueError:
            continue
    return found(names, text, f"--args: {path}")


def _object_first(names: Mapping[str, Any], function: Callable[..., Any]) -> str:
    """What to say where a method was named through its class."""
    if isinstance(function, MethodType) or next(iter(inspect.signature(function).parameters), "") != "self":
        return ""
    owners = [c for c in names.values() if isinstance(c, type) and vars(c).get(function.__name__) is function]
    return f"; name it as the method of an object{_of_objects(names, owners[0])}" if owners else ""


# --- what there is to check -----------------------------------------------------------------------------------------


def derivations(path: str) -> list[tuple[str, list[str]]]:
    """Functions and methods of the file whose code has names like derivatives, with these; the file is not run.

    A method is named by an object that the file makes of its class, where it makes one.
    """
    from microgradnet.comparison.naming import LOSSES, parse_derivative

    source = _source(path)
    codes = list(_codes(_compiled(path, source)))
    known = {name for code in codes for name in (*code.co_varnames, *code.co_names)}
    objects = dict(_objects(ast.parse(source)))
    names_by_place: dict[str, list[str]] = {}
    for code in codes:
        own = [*code.co_varnames[code.co_argcount + code.co_kwonlyargcount :], *code.co_names]
        derived = [name for name in dict.fromkeys(own) if parse_derivative(name, known - {name}, LOSSES) is not None]
        if derived and "<" not in code.co_qualname:
            owner, dot, method = code.co_qualname.partition(".")
            names_by_place[objects.get(owner, owner) + dot + method] = derived
    return sorted(names_by_place.items(), key=lambda entry: -len(entry[1]))


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of every function in a code."""
    stack = [code]
    while stack:
        inner = [c for c in stack.pop().co_consts if isinstance(c, CodeType)]
        yield from (c for c in inner if c.co_flags & inspect.CO_OPTIMIZED)  # not that of a class's body
        stack += inner


def _objects(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(class, name) for each `name = Class(…)` outside functions."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                continue
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=cls))):
                yield cls, name
        stack += ast.iter_child_nodes(node)
