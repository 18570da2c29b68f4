"""On what was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    """Cores, memory, kernel and processor."""
    memory_kb = int(re.findall(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[0])
    models = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    processor = models[0] if models and models[0] != "unknown" else f"a {platform.machine()} processor"
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {processor}, {memory_kb / 2**20:.0f} GiB of memory, Linux {platform.release()}"


def versions() -> str:
    """Of what is compared and of what it runs on."""
    openssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr.split(",")[0]
    ours = f"skewgate {version('skewgate')}"
    ansible, python = f"ansible-core {version('ansible-core')}", f"Python {platform.python_version()}"
    testinfra = f"pytest-testinfra {version('pytest-testinfra')}"
    return ", ".join([ours, ansible, python, openssh.replace("_", " ").strip(), testinfra])
