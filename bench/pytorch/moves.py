"""Zygo's rows of losses, sums, and ops that move features about; as in ops.py, and read by it."""

import re

import torch
import torch.nn.functional as F

TEMPERATURE = 0.2
FLOOR = 1e-3


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def normal(*shape, scale=1.0, offset=0.0):
    return scale * torch.randn(shape) + offset


def negative_cosine(shape, _):
    rows, columns = numbers(shape)
    return {"p": normal(rows, columns)}, {"eager": lambda t: (2 - 2 * F.cosine_similarity(t["p"], t["z"], -1)).mean()}, {"z": normal(rows, columns, offset=0.3)}


def contrastive(shape, _):
    regions, faces, _ = numbers(shape)
    face = torch.arange(faces) % (faces // 2)
    same = (face[:, None] == face[None, :]) & ~torch.eye(faces, dtype=torch.bool)

    def run(t):
        logits = (t["logits"] / TEMPERATURE).masked_fill(t["same"], float("-inf"))
        return F.cross_entropy(logits.reshape(-1, faces), t["own"])

    constants = {"same": same if "grouped" in shape else torch.zeros_like(same), "own": torch.arange(faces).repeat(regions)}
    return {"logits": normal(regions, faces, faces)}, {"eager": run}, constants


def transport_loss(shape, _):
    sizes = numbers(shape)
    return {"plan": 1 + 0.9 * torch.rand(sizes), "cost": 1 + torch.rand(sizes)}, {"eager": lambda t: (t["plan"] * t["cost"]).sum((1, 2)).mean()}


def bce(shape, _):
    rows, columns = numbers(shape)

    def run(t):
        each = F.binary_cross_entropy_with_logits(t["logits"], t["targets"], pos_weight=t["weight"], reduction="none")
        return (each * t["known"]).sum() / t["known"].sum()

    labels = torch.randint(3, (rows, columns))
    constants = {"targets": (labels == 1).float(), "known": (labels < 2).float(), "weight": 1 + 0.5 * (torch.arange(columns) % 4)}
    return {"logits": normal(rows, columns, scale=3)}, {"eager": run}, constants


def relation_marginals(shape, _):
    sizes = numbers(shape)

    def side(own, other):
        return F.normalize(torch.einsum("brc,bc->br", own, other.mean(1)).clamp_min(FLOOR), p=1, dim=-1)

    unit = lambda: F.normalize(normal(*sizes, offset=0.3), dim=-1)
    return {"online": unit(), "target": unit()}, {"eager": lambda t: (side(t["online"], t["target"]), side(t["target"], t["online"]))}


def patch_merge(shape, _):
    def run(t):
        x = t["x"]
        # F.pad copies its input even where it adds nothing.
        if x.shape[1] % 2 or x.shape[2] % 2:
            x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        return torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)

    return {"x": normal(*numbers(shape))}, {"eager": run}


def patchify(shape, _):
    batch, height, width, channels, patch = numbers(shape)[:5]

    def run(t):
        x = t["x"].view(batch, height // patch, patch, width // patch, patch, channels)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height // patch, width // patch, -1)

    return {"x": normal(batch, height, width, channels)}, {"eager": run}


def concat_last(shape, _):
    *rows, widths = shape.strip("[]").split(",")
    named = {f"x{at}": normal(*map(int, rows), width) for at, width in enumerate(numbers(widths))}
    return named, {"eager": lambda t: torch.cat([t[name] for name in named], -1)}


def gather_rows(shape, _):
    rows, columns = numbers(shape)
    return {"x": normal(rows, columns)}, {"eager": lambda t: t["x"].index_select(0, t["order"])}, {"order": torch.arange(rows).roll(rows // 2)}


def stochastic_residual(shape, _):
    inside, rate = shape.split("], rate ")
    sizes, rate = numbers(inside), float(rate)
    kept = (torch.rand(sizes[0], *[1] * (len(sizes) - 1)) >= rate).float() / (1 - rate)
    return {"x": normal(*sizes), "z": normal(*sizes)}, {"eager": lambda t: t["x"] + t["kept"] * t["z"]}, {"kept": kept}


def on_one(function, offset=0.0):
    return lambda shape, _: ({"x": normal(*numbers(shape), offset=offset)}, {"eager": lambda t: function(t["x"])})


MOVES = {
    "negativeCosine": negative_cosine,
    "contrastiveCrossEntropy": contrastive,
    "transportLoss": transport_loss,
    "bceWithLogits": bce,
    "relationMarginals": relation_marginals,
    "patchMerge": patch_merge,
    "patchify": patchify,
    "concatLast": concat_last,
    "gatherRows": gather_rows,
    "stochasticResidual": stochastic_residual,
    "transpose01": on_one(lambda x: x.transpose(0, 1).contiguous()),
    "columnSum": on_one(lambda x: x.sum(0), 0.5),
    "columnSum, second stage": on_one(lambda x: x.sum(0), 0.5),
}
