"""Writes conformance cases of random shapes, beyond the committed ones: make_random_cases.py FOLDER [COUNT] [SEED].

Needs what make_fixtures.py needs. Run them with `npm run zygo -- conformance FOLDER`.
"""

import os
import random
import sys

import torch

import torch_ops as ops
from case_writer import write_case
from versions import made_with


def dimension(rng, most):
    """1 and 2 as often as anything: that is where kernels go wrong."""
    return rng.choice([1, 2, rng.randint(1, most), rng.randint(1, most), 4 * rng.randint(1, max(1, most // 4))])


def leading(rng, most=3):
    return tuple(rng.randint(1, 4) for _ in range(rng.randint(0, most)))


def random_matmul(rng, g):
    m, n, k = (dimension(rng, 130) for _ in range(3))
    batch = leading(rng)
    transpose_a, transpose_b = rng.random() < 0.5, rng.random() < 0.5
    # Some dimensions repeated, as broadcasting has them.
    batch_a = tuple(1 if rng.random() < 0.3 else extent for extent in batch)
    batch_b = tuple(1 if rng.random() < 0.3 else extent for extent in batch)[rng.randint(0, len(batch)) :]
    a = batch_a + ((k, m) if transpose_a else (m, k))
    b = batch_b + ((n, k) if transpose_b else (k, n))
    return ops.matmul(g, a, b, transpose_a, transpose_b)


def random_attention(rng, g):
    window = rng.randint(2, 12)
    heads, head_dim = rng.randint(1, 4), rng.choice([6, 7, 8, 10, 12, 16, 24, 32, 33, 48, 64])
    height, width = (rng.choice([rng.randint(1, window), window, 2 * window, rng.randint(window, 2 * window + 3)]) for _ in range(2))
    shift = rng.choice([0, window // 2, rng.randint(0, window - 1)])
    return ops.window_attention(g, (rng.randint(1, 2), height, width, heads * head_dim), window, shift, heads)


def random_sinkhorn(rng, g):
    n, m = (dimension(rng, 60) for _ in range(2))
    epsilon = rng.choice([0.01, 0.05, 0.1, 0.5, 1.0])
    zeros = rng.choice([0, 0, 1]) if min(n, m) > 2 else 0
    rho = rng.choice([None, None, 0.1, 1.0, 10.0])
    prior = rng.choice([None, None, "shared", "each"])
    return ops.sinkhorn(g, rng.randint(1, 4), n, m, epsilon, rng.choice([1, 5, 50, 300]), rho, prior, zeros)


def random_swin(rng, g):
    patch, heads = rng.choice([1, 2, 3, 4]), rng.choice([1, 2, 3])
    # torchvision divides by the number of blocks less one.
    depths = rng.choice([[2], [1, 1], [2, 2], [1, 2], [1, 1, 2], [2, 1, 1]])
    config = {
        "patchSize": patch,
        "embedDim": heads * rng.choice([6, 8, 10, 12]),
        "depths": depths,
        "numHeads": [heads * 2**stage for stage in range(len(depths))],
        "windowSize": rng.randint(2, 7),
        "numClasses": rng.randint(1, 7),
    }
    height, width = (patch * rng.randint(3, 14) + rng.choice([0, 0, patch - 1]) for _ in range(2))
    return ops.swin(g, rng.randint(1, 2), height, width, config)


def random_bce(rng, g):
    shape = leading(rng, 2) + (dimension(rng, 40),)
    weight = rng.choice([None, (), shape[-1:], shape, (1,) * len(shape)])
    return ops.bce_with_logits(g, shape, rng.random() < 0.5, weight, rng.choice([1.0, 4.0, 20.0]))


MAKERS = [
    random_matmul,
    random_matmul,
    lambda rng, g: ops.linear(g, leading(rng), dimension(rng, 200), dimension(rng, 200), rng.choice(["none", "gelu"]), rng.choice([1.0, 3.0])),
    lambda rng, g: ops.layer_norm(g, leading(rng) + (dimension(rng, 800),), rng.choice([1e-5, 1e-6, 1e-3]), rng.choice([0.0, 5.0]), rng.choice([1.0, 0.1])),
    lambda rng, g: ops.softmax(g, leading(rng) + (dimension(rng, 1500),), rng.choice([1.0, 10.0])),
    random_attention,
    random_attention,
    lambda rng, g: ops.region_pool(g, *(dimension(rng, most) for most in (4, 20, 20, 20, 100))),
    random_sinkhorn,
    random_sinkhorn,
    random_bce,
    lambda rng, g: ops.adamw(
        g, leading(rng) + (dimension(rng, 300),), rng.randint(1, 20), rng.choice([1e-1, 1e-3]), 0.9, rng.choice([0.95, 0.999, 0.9999]), 1e-8, rng.choice([0.0, 0.1]), rng.choice([1.0, 1e-3])
    ),
    random_swin,
]


def main():
    folder, count, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100, int(sys.argv[3]) if len(sys.argv) > 3 else 1
    os.makedirs(folder, exist_ok=True)
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    for number in range(count):
        case = MAKERS[number % len(MAKERS)](rng, generator)
        write_case(os.path.join(folder, f"{number:04d}-{case[0]}.safetensors"), *case, made_with())


main()
