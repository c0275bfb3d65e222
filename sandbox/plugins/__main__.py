"""Starts one stand-in, as the launchers do that stack.py installs: `python -m sandbox.plugins NAME ... ENGINE`.

`import pulumi` costs half a second, and every preview starts every plugin. Only the protobuf
modules are needed, so the packages around them are entered without running their `__init__`.
"""

import importlib
import importlib.util
import sys
from types import ModuleType


def enter_without_running(*packages: str) -> None:
    """Make modules below nested packages importable although the packages are never executed."""
    spec = importlib.util.find_spec(packages[0])
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{packages[0]} is not installed in {sys.prefix}")
    for package in packages:
        module = ModuleType(package)
        below = package.split(".")[1:]
        module.__path__ = ["/".join([spec.submodule_search_locations[0], *below])]
        sys.modules[package] = module


if __name__ == "__main__":
    enter_without_running("pulumi", "pulumi.runtime", "pulumi.runtime.proto")
    from sandbox.plugins import server

    server.serve(importlib.import_module(f"sandbox.plugins.{sys.argv[1]}_provider").PROVIDER, sys.argv[-1])
