"""Compiles the collector's loops (``bmtick/collect/*.pyx``) when bmtick is installed.

Without a C compiler or Python's headers nothing is compiled, and the Python beside each does the
same work: slower, not otherwise. ``pip install -v`` says which.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

PLACE = "bmtick/collect"


class CompileHook(BuildHookInterface[Any]):
    """Adds what could be compiled to the wheel, or leaves it in place for an editable one."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before the wheel is put together; hatchling calls this."""
        sources = sorted((Path(self.root) / PLACE).glob("*.pyx"))
        try:
            built = compiled(sources, Path(self.root))
        except Exception as error:  # noqa: BLE001 -- compilers fail in many ways; none is fatal
            self.app.display_warning(f"bmtick collect will run uncompiled: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"].update({str(p): f"{PLACE}/{p.name}" for p in built})


def compiled(sources: list[Path], root: Path) -> list[Path]:
    """Compile Cython sources beside themselves; return the modules.

    Raises:
        Exception: what Cython, setuptools or the compiler could not do.
    """
    with tempfile.TemporaryDirectory() as folder:
        extensions = [
            Extension(
                ".".join(path.relative_to(root).with_suffix("").parts),
                [str(path.relative_to(root))],
                extra_compile_args=["-O2"],
            )
            for path in sources
        ]
        modules = cythonize(extensions, build_dir=folder, quiet=True)
        distribution = Distribution({"name": "bmtick", "ext_modules": modules, "packages": []})
        command = distribution.get_command_obj("build_ext")
        command.inplace = True
        command.build_temp = folder
        command.ensure_finalized()
        command.run()
        return [root / name for name in command.get_outputs()]
