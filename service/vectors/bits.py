"""One-bit codes of vectors: signs after a fixed random rotation, and the estimate of a cosine from them.

RaBitQ (Gao and Long, 2024, arXiv:2405.12497): the error of the estimate is bounded whatever the vectors are, and the
query is not rounded to bits. 132 bytes a vector of 1,024 numbers.
"""

from hashlib import shake_256

import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION

ROUNDS = 3  # Of signs flipped and Hadamard's matrix: as good as a dense random rotation, without its 4 MB.
Floats = NDArray[np.float32]


def _flips() -> NDArray[np.float32]:
    """The same for ever: codes in databases depend on them."""
    bits = np.frombuffer(
        shake_256(b"pazpaz one-bit codes").digest(ROUNDS * DIMENSION // 8), np.uint8
    )
    flips: NDArray[np.float32] = 1.0 - 2.0 * np.unpackbits(bits).reshape(ROUNDS, DIMENSION).astype(
        np.float32
    )
    return flips


_FLIPS = _flips()


def rotated(vectors: Floats) -> Floats:
    """Shape (n, DIMENSION), each of the length it had."""
    turned = vectors
    for flips in _FLIPS:
        turned = _hadamard(turned * flips)
    return turned


def _hadamard(vectors: Floats) -> Floats:
    """The fast Walsh-Hadamard transform of each row, scaled to keep lengths."""
    n, d = vectors.shape
    held, half = vectors, 1
    while half < d:
        pairs = held.reshape(n, d // (2 * half), 2, half)
        sums, differences = pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]
        held = np.stack([sums, differences], axis=2).reshape(n, d)
        half *= 2
    scaled: Floats = held / np.float32(np.sqrt(d))
    return scaled


def encode(halves: NDArray[np.float16]) -> tuple[NDArray[np.uint8], Floats]:
    """Signs, shape (n, DIMENSION / 8), and what an estimate from them is multiplied with, shape (n,)."""
    turned = rotated(halves.astype(np.float32))
    norms = np.abs(turned).sum(axis=1) / np.float32(np.sqrt(DIMENSION))
    return np.packbits(turned > 0, axis=1), (1 / np.maximum(norms, np.float32(1e-6))).astype(
        np.float32
    )


def estimates(query: Floats, signs: NDArray[np.uint8], corrections: Floats) -> Floats:
    """About the cosine of each coded vector with `query`, shape (DIMENSION,) of length 1."""
    [turned] = rotated(query[None, :])
    sides = np.unpackbits(signs, axis=1).astype(np.float32) * 2 - 1
    found: Floats = sides @ turned / np.float32(np.sqrt(DIMENSION)) * corrections
    return found
