"""Plans of POT (Python Optimal Transport, `ot`) as conformance cases of the op `sinkhorn`.

POT iterates until it has converged; a case states how many of our iterations reach the same plan, doubled until a
float64 run agrees. What POT 0.8 minimises:

- `ot.sinkhorn`: <P, M> + reg sum P log P with hard marginals, which is ours without a prior.
- `ot.unbalanced.sinkhorn_unbalanced`: the same with + reg_m KL(P 1 | a) + reg_m KL(P' 1 | b), K = exp(-M / reg),
  which is ours with rho = reg_m and without a prior. POT from 0.9 on has KL(P | a b') in the place of the entropy by
  default (`reg_type="kl"`): that is ours with the prior a b'. Here it is reached through the cost M - reg log(a b').
"""

import numpy as np
import ot
import torch

from torch_ops import rounded, sinkhorn_plan, uniform

# Well below the tolerance of 2e-5, so that what is left of convergence does not count.
CONVERGED = 1e-6
MOST_ITERATIONS = 20000


def points_cost(generator, n, m):
    """Squared distances between points of the unit square."""
    return rounded(torch.cdist(uniform(generator, n, 2), uniform(generator, m, 2)) ** 2)


def histogram(generator, count, mass=1.0):
    """Multiples of 1/4096, so that float32 holds them and their sum is the mass exactly, as hard marginals need."""
    values = uniform(generator, count, low=0.2)
    parts = torch.round(4096 * mass * values / values.sum())
    parts[0] += 4096 * mass - parts.sum()
    return parts / 4096


def as_case(cost, a, b, plan, epsilon, rho=None, prior=None):
    batched = [tensor[None] for tensor in (cost, a, b)]
    wanted, iterations = torch.from_numpy(plan), 10
    while True:
        reached = sinkhorn_plan(*batched, epsilon, iterations, rho, prior)[0]
        if (reached - wanted).abs().max() < CONVERGED * wanted.max():
            break
        iterations *= 2
        assert iterations <= MOST_ITERATIONS, f"no agreement with POT: {(reached - wanted).abs().max() / wanted.max()}"
    inputs = dict(zip(("cost", "a", "b"), batched))
    if prior is not None:
        inputs["prior"] = prior
    config = {"epsilon": epsilon, "iterations": iterations, **({} if rho is None else {"rho": rho})}
    return "sinkhorn", config, inputs, {"plan": wanted[None]}, {}, {}


def balanced(generator, n, m, epsilon):
    cost, a, b = points_cost(generator, n, m), histogram(generator, n), histogram(generator, m)
    plan = ot.sinkhorn(a.numpy(), b.numpy(), cost.numpy(), epsilon, method="sinkhorn_log", numItermax=10**6, stopThr=1e-11)
    return as_case(cost, a, b, plan, epsilon)


def unbalanced(generator, n, m, epsilon, rho, relative=False):
    cost, a, b = points_cost(generator, n, m), histogram(generator, n, 1.0), histogram(generator, m, 1.5)
    prior = rounded(a[:, None] * b[None, :]) if relative else None
    given = cost if prior is None else cost - epsilon * prior.log()
    plan = ot.unbalanced.sinkhorn_unbalanced(a.numpy(), b.numpy(), given.numpy(), epsilon, rho, numItermax=10**6, stopThr=1e-15)
    return as_case(cost, a, b, np.asarray(plan), epsilon, rho, prior)
