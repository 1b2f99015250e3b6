"""Writes and reads GGUF version 3: only what the pocket models and their adapters need."""

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


_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read(path):
    """(metadata, tensors) as write() takes them: tensors as float32 arrays in PyTorch order."""
    data = path.read_bytes()
    at = 4

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values if len(values) > 1 else values[0]

    def text():
        nonlocal at
        size = take("Q")
        at += size
        return data[at - size:at].decode()

    def value(kind):
        if kind == _STRING:
            return text()
        if kind == _ARRAY:
            element, count = take("IQ")
            return [value(element) for _ in range(count)]
        return take(_SCALARS[kind])

    if data[:4] != b"GGUF" or take("I") != 3:
        raise ValueError(f"{path}: not GGUF version 3")
    tensor_count, key_count = take("QQ")
    metadata = {}
    for _ in range(key_count):
        key = text()
        metadata[key] = value(take("I"))
    entries = []
    for _ in range(tensor_count):
        name, rank = text(), take("I")
        dims = [take("Q") for _ in range(rank)]
        entries.append((name, dims, *take("IQ")))
    begin = at + _pad(at)
    types = {code: dtype for dtype, code in _TENSOR_TYPES.items()}
    tensors = {}
    for name, dims, kind, offset in entries:
        array = np.frombuffer(data, types[kind], int(np.prod(dims)), begin + offset)
        tensors[name] = array.reshape(dims[::-1]).astype(np.float32)
    return metadata, tensors
