"""Starts one stand-in: `python -m sandbox.plugins NAME ... ENGINE`. `pulumi_environment` installs launchers with this command.

`import pulumi` costs half a second, and each preview starts each plugin. Only the protobuf modules are needed, so their parent packages are
imported without `__init__`.
"""

import importlib
import importlib.util
import sys
from types import ModuleType


def skip_init(*packages: str) -> None:
    """Make the modules of nested packages importable without running the packages' `__init__`."""
    spec = importlib.util.find_spec(packages[0])
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{packages[0]} is not installed in {sys.prefix}")
    for package in packages:
        module = ModuleType(package)
        below = package.split(".")[1:]
        module.__path__ = ["/".join([spec.submodule_search_locations[0], *below])]
        sys.modules[package] = module


if __name__ == "__main__":
    skip_init("pulumi", "pulumi.runtime", "pulumi.runtime.proto")
    from sandbox.plugins import server

    server.serve(importlib.import_module(f"sandbox.plugins.{sys.argv[1]}_provider").PROVIDER, sys.argv[-1])
