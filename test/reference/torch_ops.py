"""The ops of `zygo conformance` in float64 with PyTorch and torchvision, and their gradients by autograd.

Each function returns (op, config, inputs, outputs, cotangents, grads) for `case_writer.write_case`. Inputs are drawn
as float32 numbers, so that both sides start from the same values.
"""

import torch
import torch.nn.functional as F
from torchvision.models.swin_transformer import PatchMerging, SwinTransformer, shifted_window_attention

torch.set_default_dtype(torch.float64)


def rounded(tensor):
    """The nearest float32 numbers, in float64."""
    return tensor.to(torch.float32).to(torch.float64)


def normal(generator, *shape, scale=1.0):
    return rounded(scale * torch.randn(shape, generator=generator))


def uniform(generator, *shape, low=0.0, high=1.0):
    return rounded(low + (high - low) * torch.rand(shape, generator=generator))


def differentiate(generator, op, config, function, inputs, constants=(), output="y", cotangent=None):
    """Runs `function(**inputs)`, draws a cotangent, and takes the gradients of every input that is not constant."""
    leaves = {name: value.detach().clone().requires_grad_(name not in constants) for name, value in inputs.items()}
    y = function(**leaves)
    if cotangent is None:
        cotangent = normal(generator, *y.shape)
    wanted = {name: leaf for name, leaf in leaves.items() if name not in constants}
    grads = dict(zip(wanted, torch.autograd.grad(y, list(wanted.values()), cotangent))) if wanted else {}
    return op, config, inputs, {output: y}, {output: cotangent} if wanted else {}, grads


def matmul(generator, a_shape, b_shape, transpose_a=False, transpose_b=False):
    def run(a, b):
        return (a.mT if transpose_a else a) @ (b.mT if transpose_b else b)

    config = {"transposeA": transpose_a, "transposeB": transpose_b}
    return differentiate(generator, "matmul", config, run, {"a": normal(generator, *a_shape), "b": normal(generator, *b_shape)})


def linear(generator, leading, inputs, outputs, activation="none", scale=1.0):
    def run(x, weight, bias):
        y = F.linear(x, weight, bias)
        return F.gelu(y) if activation == "gelu" else y

    named = {
        "x": normal(generator, *leading, inputs, scale=scale),
        "weight": normal(generator, outputs, inputs, scale=inputs**-0.5),
        "bias": normal(generator, outputs),
    }
    return differentiate(generator, "linear", {"activation": activation}, run, named)


def layer_norm(generator, shape, epsilon=1e-5, mean=0.0, scale=1.0):
    def run(x, weight, bias):
        return F.layer_norm(x, shape[-1:], weight, bias, epsilon)

    named = {
        "x": rounded(mean + scale * torch.randn(shape, generator=generator)),
        "weight": normal(generator, shape[-1]),
        "bias": normal(generator, shape[-1]),
    }
    return differentiate(generator, "layer_norm", {"epsilon": epsilon}, run, named)


def softmax(generator, shape, scale=1.0, cotangent=None):
    return differentiate(generator, "softmax", {}, lambda x: x.softmax(-1), {"x": normal(generator, *shape, scale=scale)}, cotangent=cotangent)


def relative_position_index(window):
    """Row (dy + w - 1)(2w - 1) + dx + w - 1 of the table for each pair of tokens, d = query - key."""
    place = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = (place[:, :, None] - place[:, None, :]) + window - 1
    return apart[0] * (2 * window - 1) + apart[1]


def window_attention(generator, shape, window, shift, heads, scale=1.0):
    channels, tokens = shape[-1], window**2

    def run(x, qkv_weight, qkv_bias, proj_weight, proj_bias, relative_position_bias_table):
        bias = relative_position_bias_table[relative_position_index(window).flatten()]
        bias = bias.view(tokens, tokens, heads).permute(2, 0, 1).unsqueeze(0)
        return shifted_window_attention(
            x, qkv_weight, proj_weight, bias, [window, window], heads, [shift, shift], qkv_bias=qkv_bias, proj_bias=proj_bias
        )

    spread = channels**-0.5
    named = {
        "x": normal(generator, *shape, scale=scale),
        "qkv_weight": normal(generator, 3 * channels, channels, scale=spread),
        "qkv_bias": normal(generator, 3 * channels),
        "proj_weight": normal(generator, channels, channels, scale=spread),
        "proj_bias": normal(generator, channels),
        "relative_position_bias_table": normal(generator, (2 * window - 1) ** 2, heads),
    }
    return differentiate(generator, "shifted_window_attention", {"window": window, "shift": shift, "heads": heads}, run, named)


def region_pool(generator, batch, regions, height, width, channels, epsilon=1e-6, empty=False):
    def run(x, masks):
        return torch.einsum("brhw,bhwc->brc", masks, x) / masks.sum((2, 3)).clamp(min=epsilon)[:, :, None]

    # Soft maps with zeros, as attention maps have; an empty map is defined to get no gradient (kernels.md).
    masks = uniform(generator, batch, regions, height, width, low=-0.5).clamp(min=0)
    masks[..., 0, 0] = 0.5
    if empty:
        masks[0, -1] = 0
    case = differentiate(generator, "region_pool", {"epsilon": epsilon}, run, {"x": normal(generator, batch, height, width, channels), "masks": masks})
    if empty:
        case[5]["masks"][0, -1] = 0
    return case


# A finite stand-in for log 0, so that autograd meets no infinity times zero.
NEVER = -1e30


def logarithm(values):
    return torch.where(values > 0, torch.where(values > 0, values, torch.ones_like(values)).log(), torch.full_like(values, NEVER))


def sinkhorn_plan(cost, a, b, epsilon, iterations, rho=None, prior=None):
    """Log domain, f first, from f = g = 0 (also where a mass is 0); masses and priors of 0 give plan entries of 0."""
    scores = -cost / epsilon + (0 if prior is None else logarithm(prior))
    share = 1.0 if rho is None else rho / (rho + epsilon)

    def potential(mass, others):
        return torch.where(mass > 0, share * (logarithm(mass) - others), torch.full_like(mass, NEVER))

    g = torch.zeros_like(b)
    for _ in range(iterations):
        f = potential(a, torch.logsumexp(scores + g[:, None, :], 2))
        g = potential(b, torch.logsumexp(scores + f[:, :, None], 1))
    return (scores + f[:, :, None] + g[:, None, :]).exp()


def masses(generator, batch, count, zeros=0):
    """Masses of sum 1, some of them 0."""
    mass = uniform(generator, batch, count, low=0.1)
    mass[:, :zeros] = 0
    return rounded(mass / mass.sum(1, keepdim=True))


def sinkhorn(generator, batch, n, m, epsilon, iterations, rho=None, prior=None, zeros=0, gradients=True):
    """prior: None, 'shared' [n, m] or 'each' [batch, n, m], with a few zeros when it is large enough."""
    inputs = {"cost": uniform(generator, batch, n, m), "a": masses(generator, batch, n, zeros), "b": masses(generator, batch, m, zeros)}
    if prior:
        inputs["prior"] = uniform(generator, *(() if prior == "shared" else (batch,)), n, m, low=0.2)
        if zeros:
            inputs["prior"][..., -1, -1] = 0
    config = {"epsilon": epsilon, "iterations": iterations, **({} if rho is None else {"rho": rho})}

    def run(cost, a, b, prior=None):
        return sinkhorn_plan(cost, a, b, epsilon, iterations, rho, prior)

    constants = ("prior",) if gradients else tuple(inputs)
    return differentiate(generator, "sinkhorn", config, run, inputs, constants, "plan")


def bce_with_logits(generator, shape, soft=False, weight_shape=None, scale=2.0):
    targets = uniform(generator, *shape) if soft else (uniform(generator, *shape) > 0.6).to(torch.float64)
    inputs = {"logits": normal(generator, *shape, scale=scale), "targets": targets}
    if weight_shape is not None:
        inputs["pos_weight"] = uniform(generator, *weight_shape, low=0.5, high=5)

    def run(logits, targets, pos_weight=None):
        return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=pos_weight)

    return differentiate(generator, "bce_with_logits", {}, run, inputs, ("targets", "pos_weight"))


def adamw(generator, shape, steps, lr=1e-2, beta1=0.9, beta2=0.999, epsilon=1e-8, weight_decay=0.05, scale=1.0):
    param, grads = normal(generator, *shape), normal(generator, steps, *shape, scale=scale)
    leaf = param.clone().requires_grad_()
    optimizer = torch.optim.AdamW([leaf], lr=lr, betas=(beta1, beta2), eps=epsilon, weight_decay=weight_decay)
    for grad in grads:
        leaf.grad = grad.clone()
        optimizer.step()
    config = {"lr": lr, "beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weightDecay": weight_decay}
    return "adamw", config, {"param": param, "grads": grads}, {"param": leaf.detach()}, {}, {}


def swin_model(generator, config):
    """torchvision's Swin without stochastic depth, all parameters drawn at random and rounded to float32."""
    model = SwinTransformer(
        [config["patchSize"]] * 2,
        config["embedDim"],
        config["depths"],
        config["numHeads"],
        [config["windowSize"]] * 2,
        stochastic_depth_prob=0.0,
        num_classes=config["numClasses"],
        downsample_layer=PatchMerging,
    ).eval()
    for name, parameter in model.named_parameters():
        norm = parameter.dim() == 1 and name.endswith("weight")
        matrix = parameter.dim() > 1 and not name.endswith("table")
        spread = parameter[0].numel() ** -0.5 if matrix else 0.2
        parameter.data = rounded((1.0 if norm else 0.0) + normal(generator, *parameter.shape, scale=spread))
    return model


def swin(generator, batch, height, width, config, gradients=True):
    model = swin_model(generator, config)
    image = normal(generator, batch, 3, height, width)
    inputs = {"image": image, **{f"param.{name}": value.detach().clone() for name, value in model.named_parameters()}}
    logits = model(image)
    if not gradients:
        return "swin", config, inputs, {"logits": logits}, {}, {}
    cotangent = normal(generator, *logits.shape)
    logits.backward(cotangent)
    grads = {f"param.{name}": value.grad for name, value in model.named_parameters()}
    return "swin", config, inputs, {"logits": logits}, {"logits": cotangent}, grads
