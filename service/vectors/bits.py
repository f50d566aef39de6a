"""One-bit codes of vectors: signs after a fixed random rotation, and the estimate of a cosine from them.

RaBitQ (Gao and Long, 2024, arXiv:2405.12497): the error of the estimate is bounded whatever the vectors are, and the
query is not rounded to bits. 132 bytes a vector of 1,024 numbers.
"""

from hashlib import shake_256

import numkong
import numpy as np
from numpy.typing import NDArray

from service.vectors import DIMENSION

ROUNDS = 3  # Of signs flipped and Hadamard's matrix: as good as a dense random rotation, without its 4 MB.
ERROR = 0.0236
"""The standard deviation of an estimate: sqrt((pi / 2 - 1) / DIMENSION), of a cosine near 0; less of a greater one."""
SIDE = 32
LEVELS = 31
_PLANES = np.arange(6)
_WEIGHTS = (2.0**_PLANES).astype(np.float32)
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


def _square() -> Floats:
    """Hadamard's matrix of 32, in the order of Sylvester, each row of length 1."""
    held: Floats = np.full((1, 1), 1 / np.sqrt(SIDE), np.float32)
    while len(held) < SIDE:
        held = np.vstack([np.hstack([held, held]), np.hstack([held, -held])])
    return held


_FLIPS = _flips()
_SQUARE = _square()


def rotated(vectors: Floats) -> Floats:
    """Shape (n, DIMENSION), each of the length it had."""
    turned = vectors
    for flips in _FLIPS:
        turned = _hadamard(turned * flips)
    return turned


def _hadamard(vectors: Floats) -> Floats:
    """The Walsh-Hadamard transform of each row, scaled to keep lengths.

    The matrix is that of 32 by that of 32: two products with a matrix that fits the nearest cache.
    """
    squares = vectors.reshape(-1, SIDE, SIDE)
    turned: Floats = np.matmul(np.matmul(_SQUARE, squares), _SQUARE)
    return turned.reshape(vectors.shape)


def encode(halves: NDArray[np.float16]) -> tuple[NDArray[np.uint8], Floats]:
    """Signs, shape (n, DIMENSION / 8), and what an estimate from them is multiplied with, shape (n,)."""
    turned = rotated(halves.astype(np.float32))
    norms: Floats = np.abs(turned).sum(axis=1) / np.float32(np.sqrt(DIMENSION))
    return np.packbits(turned > 0, axis=1), (1 / np.maximum(norms, np.float32(1e-6))).astype(
        np.float32
    )


def estimates(query: Floats, signs: NDArray[np.uint8], corrections: Floats) -> Floats:
    """About the cosine of each coded vector with `query`, shape (DIMENSION,) of length 1.

    The query's numbers are rounded to whole steps, of which the greatest has 31, and taken apart into planes of bits:
    one pass over the codes a plane, 12 ms in all for 100,000. The rounding adds nothing that can be measured.
    """
    if not len(signs):
        return np.empty(0, np.float32)
    [turned] = rotated(query[None, :])
    step = max(float(np.abs(turned).max()) / LEVELS, 1e-12)
    numbers = np.rint(turned / step).astype(np.int64) + LEVELS  # 0 to 62
    planes = np.packbits((numbers >> _PLANES[:, None]) & 1, axis=1).astype(np.uint8)
    shared = numkong.cdist(planes, signs, "dot", dtype="uint1", out_dtype="float32")
    positive = np.einsum("pn,p->n", np.asarray(shared), _WEIGHTS)
    ones = np.bitwise_count(signs.view(np.uint64)).sum(axis=1, dtype=np.int32)
    # The sum over the signs of the number, +1 or -1 times it: twice what positive signs meet, less everything.
    sums = 2 * (positive - LEVELS * ones) - (numbers - LEVELS).sum()
    found: Floats = (sums * corrections * (step / np.sqrt(DIMENSION))).astype(np.float32)
    return found
