"""Writes safetensors files (https://github.com/huggingface/safetensors, "Format") and conformance cases.

Debian has no package for the format, and it is small: 8 bytes with the header's length, the header as JSON, the data.
"""

import json
import struct

import numpy as np

KINDS = {np.dtype(np.float32): "F32", np.dtype(np.int32): "I32"}


def write_safetensors(path, tensors, metadata):
    """tensors: name to a float32 or int32 array; metadata: text to text."""
    header, offset, blocks = {"__metadata__": metadata}, 0, []
    for name, array in tensors.items():
        block = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": KINDS[array.dtype], "shape": list(array.shape), "data_offsets": [offset, offset + len(block)]}
        offset += len(block)
        blocks.append(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


def as_f32(array):
    """An array or torch tensor as float32; int32 stays as it is."""
    array = np.asarray(array.detach() if hasattr(array, "detach") else array)
    return array if array.dtype == np.int32 else array.astype(np.float32)


def write_case(path, op, config, inputs, outputs, cotangents, grads, made_with):
    """Each of the four: name to array. Inputs must be float32 numbers already, whatever type they are stored in."""
    tensors = {}
    for kind, named in (("input", inputs), ("output", outputs), ("cotangent", cotangents), ("grad", grads)):
        for name, array in named.items():
            tensors[f"{kind}.{name}"] = as_f32(array)
    write_safetensors(path, tensors, {"op": op, "config": json.dumps(config), "madeWith": made_with})
