"""Names and versions of what computes the cases."""

import importlib

PACKAGES = ("torch", "torchvision", "ot", "sklearn", "numpy")


def made_with():
    return ", ".join(f"{name} {importlib.import_module(name).__version__}" for name in PACKAGES) + "; float64"
