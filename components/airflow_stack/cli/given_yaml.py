"""YAML files that users write. Stricter than YAML itself: a key stands once, and no file can exhaust this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from airflow_stack.errors import UserError

from .fast_yaml import LOADER

_MOST_BYTES = 2**20
"""What Helm stores of a release, and a Secret or ConfigMap holds."""
_MOST_DEPTH, _MOST_VALUES = 100, 100_000
_MERGE = "tag:yaml.org,2002:merge"


def text_of(file: Path) -> str:
    """The text of a file.

    Raises:
        UserError: there is no such file, or it is not a text of at most 1 MiB.
    """
    try:
        if file.is_dir():
            raise UserError(f"{file} is a folder; name a file")
        with file.open("rb") as opened:  # also of a pipe or device, whose size is unknown
            content = opened.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UserError(f"{file} is larger than 1 MiB; name another file")
        return content.decode()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}; name another file") from None
    except RuntimeError:  # of a link to itself
        raise UserError(f"{file} cannot be read: it is a link to itself; name another file") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is not text in UTF-8; save it as UTF-8, or name another file") from None


def document(file: Path) -> Any:  # noqa: ANN401  YAML of any type
    """The one document in a file; None if it is empty.

    Raises:
        UserError: the file is not readable, or not such a document; the message has the line.
    """
    return load(text_of(file), str(file))


def load(text: str, name: str) -> Any:  # noqa: ANN401
    """The one document in a text.

    Args:
        text: YAML.
        name: Name of the text, for the messages.

    Raises:
        UserError: the text is not YAML, has several documents, repeats a key, or is too deep or too large.
    """
    loader = None
    try:
        _bounded(text)
        loader = LOADER(text)
        root = loader.get_single_node()
        if root is None:
            return None
        for line, problem in _problems(root):
            raise UserError(f"{name}, line {line}: {problem}")
        return loader.construct_document(root)
    except yaml.YAMLError as error:  # whose text may show a secret
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise UserError(f"{name}{place} is not YAML: {reason}; correct the YAML") from None
    except (ValueError, RecursionError, OverflowError) as error:  # a date such as 2026-99-99
        raise UserError(f"{name} is not YAML: {error}; correct the YAML, or put the text in quotes") from None
    finally:
        if loader:
            loader.dispose()


def _bounded(text: str) -> None:
    """Refuse endless nesting before anything recurses into it."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                depth += 1
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                depth -= 1
        if depth > _MOST_DEPTH:
            raise yaml.YAMLError(f"more than {_MOST_DEPTH} levels deep")


def _problems(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Line and problem of each key that is given twice, of aliases that lead back to themselves, and of those that multiply."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()
    stack = [root]
    while stack:
        node = stack[-1]
        inner = _inner(node)
        if id(node) in sizes:
            stack.pop()
        elif id(node) not in open_:
            open_.add(id(node))
            yield from _repeated(node)
            for each in inner:
                if id(each) in open_:
                    yield each.start_mark.line + 1, "an anchor contains itself; write the value out"
                    return
                stack.append(each)
        else:
            stack.pop()
            open_.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(each)] for each in inner)
            if sizes[id(node)] > _MOST_VALUES:
                yield node.start_mark.line + 1, f"its aliases stand for more than {_MOST_VALUES} values; write fewer"
                return


def repeated_keys(root: yaml.Node) -> Iterator[tuple[int, str]]:
    """Line and problem of each key that is given twice, anywhere below a node."""
    stack, seen = [root], {id(root)}
    while stack:
        node = stack.pop()
        yield from _repeated(node)
        stack += [each for each in _inner(node) if id(each) not in seen]
        seen |= {id(each) for each in _inner(node)}


def _inner(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return [each for pair in node.value for each in pair]
        case yaml.SequenceNode():
            return list(node.value)
    return []


def _repeated(node: yaml.Node) -> Iterator[tuple[int, str]]:
    first: dict[tuple[str, str], int] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
            line, name = key.start_mark.line + 1, (key.tag, key.value)
            if name in first:
                yield line, f"the key {key.value!r} is given twice, first in line {first[name]}; keep one of them"
            first[name] = line
