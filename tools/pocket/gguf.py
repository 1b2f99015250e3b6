"""Writes GGUF version 3: only what the pocket models and their adapters need."""

import struct

import numpy as np

ALIGNMENT = 32
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_TENSOR_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1}


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _scalar(value):
    """(type, bytes) of one value; an int is unsigned, except in arrays."""
    if isinstance(value, bool):
        return _BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return _U32, struct.pack("<I", value)
    if isinstance(value, float):
        return _F32, struct.pack("<f", value)
    return _STRING, _string(value)


def _value(value):
    if not isinstance(value, list):
        kind, data = _scalar(value)
        return struct.pack("<I", kind) + data
    if isinstance(value[0], int):  # token types are the only integer array; llama.cpp wants int32
        kind, data = _I32, struct.pack(f"<{len(value)}i", *value)
    else:
        kind, data = _scalar(value[0])[0], b"".join(_scalar(v)[1] for v in value)
    return struct.pack("<IIQ", _ARRAY, kind, len(value)) + data


def _pad(size):
    return -size % ALIGNMENT


def write(path, metadata, tensors):
    """metadata: key -> bool, int, float, str or a list of one of them; tensors: name -> array.

    Arrays are float16 or float32 in PyTorch order [out, in]; GGUF counts dimensions the other way.
    """
    head = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    head += [_string(key) + _value(value) for key, value in metadata.items()]
    offset = 0
    for name, array in tensors.items():
        dims = array.shape[::-1]
        head.append(_string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, _TENSOR_TYPES[array.dtype],
                                                offset))
        offset += array.nbytes + _pad(array.nbytes)
    header = b"".join(head)
    with path.open("wb") as file:
        file.write(header + bytes(_pad(len(header))))
        for array in tensors.values():
            file.write(np.ascontiguousarray(array).tobytes() + bytes(_pad(array.nbytes)))
