"""Zygo's rows as PyTorch work: each op is found by its name, and its sizes are read from the row's shape.

An op takes (shape, MLP ratio) and gives the tensors that have gradients, by name; functions of all tensors, by variant;
and, if there are any, tensors without a gradient.
"""

import torch
import torch.nn.functional as F

from attention import window_attention
from moves import MOVES, normal, numbers

EPSILON = 0.1


def sinkhorn(cost, a, b, iterations, times):
    """Scalings u, v of K = exp(-C / epsilon), u first, as Zygo iterates them; the plan from them.

    `times` multiplies matrices [P, n, m] with vectors [P, m]. The transpose is a matrix of its own, so that both products
    read neighbouring numbers. Costs lie in [0, 1]: K needs no offsets.
    """
    kernel = (cost / -EPSILON).exp()
    transposed = kernel.transpose(1, 2).contiguous()
    v = torch.ones_like(b)
    for _ in range(iterations):
        u = a / times(kernel, v)
        v = b / times(transposed, u)
    return kernel * u[:, :, None] * v[:, None, :]


def log_sinkhorn(cost, a, b, iterations):
    """Log-domain iterations, f first; the plan from the potentials."""
    log_a, log_b = a.log(), b.log()
    g = torch.zeros_like(log_b)
    for _ in range(iterations):
        f = EPSILON * (log_a - torch.logsumexp((g[:, None, :] - cost) / EPSILON, 2))
        g = EPSILON * (log_b - torch.logsumexp((f[:, :, None] - cost) / EPSILON, 1))
    return ((f[:, :, None] + g[:, None, :] - cost) / EPSILON).exp()


def region_pool(x, masks):
    """Means of features [B, H, W, C] under maps [B, R, H, W] -> [B, R, C]."""
    flat = masks.flatten(2)
    return torch.bmm(flat, x.flatten(1, 2)) / flat.sum(2, keepdim=True).clamp_min(1e-6)


def swin_block(t, heads, window, shift, fused=False):
    channels = t["x"].shape[-1]
    normed = F.layer_norm(t["x"], (channels,), t["norm1Weight"], t["norm1Bias"])
    attended = window_attention(F.linear(normed, t["qkvWeight"], t["qkvBias"]), t["table"], heads, window, shift, fused)
    mixed = F.linear(attended, t["projWeight"], t["projBias"]) + t["x"]
    normed = F.layer_norm(mixed, (channels,), t["norm2Weight"], t["norm2Bias"])
    return F.linear(F.gelu(F.linear(normed, t["upWeight"], t["upBias"])), t["downWeight"], t["downBias"]) + mixed


def matmul(shape, _):
    m, k, _, n = numbers(shape)
    return {"a": normal(m, k), "b": normal(k, n)}, {"eager": lambda t: t["a"] @ t["b"]}


def weight_gradient(shape, _):
    tokens, outputs, _, inputs = numbers(shape)
    return {"dy": normal(tokens, outputs), "x": normal(tokens, inputs)}, {"eager": lambda t: t["dy"].t() @ t["x"]}


def linear(shape, _):
    rows, inputs, outputs = numbers(shape)[:3]
    named = {"x": normal(rows, inputs), "weight": normal(outputs, inputs, scale=inputs**-0.5), "bias": normal(outputs)}
    gelu, residual = "GELU" in shape, "residual" in shape
    if residual:
        named["residual"] = normal(rows, outputs)

    def run(t):
        y = F.linear(t["x"], t["weight"], t["bias"])
        y = F.gelu(y) if gelu else y
        return y + t["residual"] if residual else y

    return named, {"eager": run}


def mlp(shape, _):
    rows, inputs, hidden, outputs = numbers(shape)[:4]
    named = {
        "x": normal(rows, inputs), "up": normal(hidden, inputs, scale=inputs**-0.5), "upBias": normal(hidden),
        "down": normal(outputs, hidden, scale=hidden**-0.5), "downBias": normal(outputs), "residual": normal(rows, outputs),
    }
    return named, {"eager": lambda t: F.linear(F.gelu(F.linear(t["x"], t["up"], t["upBias"])), t["down"], t["downBias"]) + t["residual"]}


def layer_norm(shape, _):
    rows, columns = numbers(shape)
    named = {"x": normal(rows, columns), "weight": normal(columns), "bias": normal(columns)}
    return named, {"eager": lambda t: F.layer_norm(t["x"], (columns,), t["weight"], t["bias"])}


def batch_norm(shape, _):
    rows, columns = numbers(shape)
    named = {"x": normal(rows, columns), "weight": normal(columns), "bias": normal(columns)}
    return named, {"eager": lambda t: F.batch_norm(t["x"], None, None, t["weight"], t["bias"], training=True)}


def rowwise(function):
    return lambda shape, _: ({"x": normal(*numbers(shape))}, {"eager": lambda t: function(t["x"])})


def add(shape, _):
    return {"a": normal(*numbers(shape)), "b": normal(*numbers(shape))}, {"eager": lambda t: t["a"] + t["b"]}


def attention(shape, _):
    batch, height, width, _, channels, window, shift, heads = numbers(shape)
    named = {"qkv": normal(batch, height, width, 3 * channels), "table": normal((2 * window - 1) ** 2, heads)}
    variants = {"eager": lambda t: window_attention(t["qkv"], t["table"], heads, window, shift)}
    if hasattr(F, "scaled_dot_product_attention"):
        variants["scaled_dot_product_attention"] = lambda t: window_attention(t["qkv"], t["table"], heads, window, shift, fused=True)
    return named, variants


def block(shape, mlp_ratio):
    batch, height, width, channels, window, shift, heads = numbers(shape)
    hidden = mlp_ratio * channels
    weight = lambda outputs, inputs: normal(outputs, inputs, scale=inputs**-0.5)
    named = {
        "x": normal(batch, height, width, channels),
        "norm1Weight": normal(channels, scale=0.2, offset=1), "norm1Bias": normal(channels),
        "qkvWeight": weight(3 * channels, channels), "qkvBias": normal(3 * channels),
        "table": normal((2 * window - 1) ** 2, heads),
        "projWeight": weight(channels, channels), "projBias": normal(channels),
        "norm2Weight": normal(channels, scale=0.2, offset=1), "norm2Bias": normal(channels),
        "upWeight": weight(hidden, channels), "upBias": normal(hidden),
        "downWeight": weight(channels, hidden), "downBias": normal(channels),
    }
    variants = {"eager": lambda t: swin_block(t, heads, window, shift)}
    if hasattr(F, "scaled_dot_product_attention"):
        variants["scaled_dot_product_attention"] = lambda t: swin_block(t, heads, window, shift, fused=True)
    return named, variants


def pooling(shape, _):
    batch, height, width, channels, regions = numbers(shape)
    named = {"x": normal(batch, height, width, channels), "masks": torch.rand(batch, regions, height, width) + 0.25}
    return named, {"eager": lambda t: region_pool(t["x"], t["masks"])}


def transport(shape, _):
    batch, n, m, iterations = numbers(shape)
    named = {"cost": torch.rand(batch, n, m), "a": torch.full((batch, n), 1 / n), "b": torch.full((batch, m), 1 / m)}
    products = {
        "scaling form, bmm": lambda matrix, vector: torch.bmm(matrix, vector[:, :, None])[:, :, 0],
        "scaling form, multiply and sum": lambda matrix, vector: (matrix * vector[:, None, :]).sum(2),
    }
    variants = {name: lambda t, times=times: sinkhorn(t["cost"], t["a"], t["b"], iterations, times) for name, times in products.items()}
    return named, {**variants, "log domain": lambda t: log_sinkhorn(t["cost"], t["a"], t["b"], iterations)}


def convolution(shape, _):
    batch, height, width, channels, outputs = numbers(shape)[:5]
    gelu = "GELU" in shape
    named = {"x": normal(batch, channels, height, width), "weight": normal(outputs, channels, 3, 3, scale=(9 * channels) ** -0.5), "bias": normal(outputs)}

    def run(t):
        y = F.conv2d(t["x"], t["weight"], t["bias"], stride=2, padding=1)
        return F.gelu(y) if gelu else y

    return named, {"eager": run}


def stem(shape, _):
    batch, height, width, channels, middle, outputs = numbers(shape)[:6]
    weight = lambda to, source: normal(to, source, 3, 3, scale=(9 * source) ** -0.5)
    named = {"weight1": weight(middle, channels), "bias1": normal(middle), "weight2": weight(outputs, middle), "bias2": normal(outputs)}

    def run(t):
        between = F.gelu(F.conv2d(t["image"], t["weight1"], t["bias1"], stride=2, padding=1))
        return F.conv2d(between, t["weight2"], t["bias2"], stride=2, padding=1)

    return named, {"eager": run}, {"image": normal(batch, channels, height, width)}


def mean_pool(shape, _):
    return {"x": normal(*numbers(shape))}, {"eager": lambda t: t["x"].mean(1)}


OPS = {
    "matmul": matmul,
    "weight gradient": weight_gradient,
    "linear": linear,
    "mlp": mlp,
    "layerNorm": layer_norm,
    "batchNorm": batch_norm,
    "softmax": rowwise(lambda x: x.softmax(-1)),
    "gelu": rowwise(F.gelu),
    "l2Normalize": rowwise(lambda x: F.normalize(x, dim=-1)),
    "add": add,
    "windowAttention": attention,
    "Swin block": block,
    "regionPool": pooling,
    "sinkhorn": transport,
    "conv2d": convolution,
    "convolutionStem": stem,
    "meanPool": mean_pool,
    **MOVES,
}
