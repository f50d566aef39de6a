"""One-bit codes: what is stored stays readable, and an estimate is as near as it says."""

from hashlib import sha256

import numpy as np
import pytest

from service.vectors import DIMENSION
from service.vectors.bits import ERROR, encode, estimates, rotated


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def some(count, seed=0):
    drawn = np.random.default_rng(seed).standard_normal((count, DIMENSION))
    return unit(drawn).astype(np.float16)


def test_codes_are_the_same_for_ever():
    """Databases are full of them: another rotation, order of bits or correction would make them worthless."""
    waves = unit(np.sin(np.arange(3.0 * DIMENSION) ** 1.5).reshape(3, DIMENSION))
    signs, corrections = encode(waves.astype(np.float16))
    assert sha256(signs.tobytes()).hexdigest() == (
        "8853a1188f0bee8790923358f0eb45415e404458598e464bf69cf7ac0e56234b"
    )
    assert corrections == pytest.approx([1.2483693, 1.268793, 1.2441758], rel=1e-6)


def test_a_rotation_keeps_angles_and_lengths():
    """It mixes the numbers and loses nothing."""
    vectors = some(8).astype(np.float32)
    turned = rotated(vectors)
    assert turned @ turned.T == pytest.approx(vectors @ vectors.T, abs=1e-5)
    assert not np.allclose(turned, vectors, atol=1e-3)


def _missed(cosine, seed):
    query = some(1, seed=seed)[0].astype(np.float32)
    away = some(100, seed=100 + seed).astype(np.float32)
    away = unit(away - np.outer(away @ query, query))
    vectors = (cosine * query + np.sqrt(1 - cosine**2) * away).astype(np.float16)
    return estimates(query, *encode(vectors)) - vectors.astype(np.float32) @ query


@pytest.mark.parametrize("cosine", [0.0, 0.5, 0.9])
def test_an_estimate_is_near_the_cosine(cosine):
    """Right on average, and off by no more than it says, for vectors at any angle."""
    missed = np.concatenate([_missed(cosine, seed) for seed in range(20)])
    assert abs(missed.mean()) < 0.003
    assert missed.std() < 1.05 * ERROR


def test_nothing_has_no_estimate():
    """And a query without a direction is about as far from everything."""
    assert len(estimates(np.zeros(DIMENSION, np.float32), *encode(some(0)))) == 0
    assert not estimates(np.zeros(DIMENSION, np.float32), *encode(some(3))).any()
