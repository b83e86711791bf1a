"""From a row to what is timed for it, each compared with the same work in float64 first."""

import torch

from ops import OPS, normal, numbers
from swin import TrainingStep

TOLERANCE = 1e-3
# Of matmul: f32 sums stay below a fifth of it; with TF32, which would be no fair comparison, errors are about 1e-4.
PRODUCT_TOLERANCE = 1e-5
# Results, and what lies between, are rounded to 11 bits (8 of bfloat16), several times in a row.
HALF_TOLERANCE = 1e-2
# Some thirty roundings in a row, if all of them went one way; as in Zygo's own check of mixed precision.
AUTOCAST = {"float16": (torch.float16, 30 * 2**-11), "bfloat16": (torch.bfloat16, 30 * 2**-8)}
STEP, MIXED, AUTOCAST_WORDS = "training step", "mixed precision", "autocast "
HALF = " f16"
# Faces of the step that is compared: it shows whether the code is right, and fits in float64.
CHECKED_FACES = 8
DECAY = 0.99
# Steps that a loss scale may skip before it fits.
MOST_SKIPPED = 24


class Work:
    """`call` is timed; `error` is relative to the largest magnitude of what was computed."""

    def __init__(self, variant, call, error, tolerance=TOLERANCE, against="the same work in float64"):
        self.variant, self.call, self.error, self.tolerance, self.against = variant, call, error, tolerance, against


def relative_error(actual, expected):
    largest = expected.abs().max().item()
    difference = (actual.double() - expected).abs().max().item()
    return difference if largest == 0 else difference / largest


def largest_error(actual, expected):
    errors = [relative_error(one, other) for one, other in zip(actual, expected)]
    # max() would pass over a NaN.
    return float("nan") if any(error != error for error in errors) else max(errors)


def as_list(results):
    return list(results) if isinstance(results, (tuple, list)) else [results]


def forward_and_backward(run, tensors, given_pass):
    """The function to be timed, and one that gives what is checked."""
    inputs = [value for value in tensors.values() if value.requires_grad]
    if given_pass == "forward":
        def forward():
            with torch.no_grad():
                return run(tensors)

        return forward, lambda: as_list(forward())
    y = run(tensors)
    torch.manual_seed(77)
    dy = torch.randn(y.shape).to(y)
    if given_pass == "backward":
        backward = lambda: torch.autograd.grad(y, inputs, dy, retain_graph=True)
        return backward, lambda: list(backward())

    def both():
        result = run(tensors)
        return result, torch.autograd.grad(result, inputs, dy)

    def checked():
        result, gradients = both()
        return [result.detach(), *gradients]

    return both, checked


def in_half(op, variants):
    """Functions and dtype of the tensors of an op whose operands are f16: a layer norm's input is f32, its result f16."""
    if op == "layerNorm":
        return {name: lambda t, run=run: run(t).half() for name, run in variants.items()}, torch.float32
    return variants, torch.float16


def op_work(row, device, presets):
    """The ways to do a row's work: plain PyTorch and, where there is one, a fused function."""
    ratio = presets.get(row["model"], {}).get("backbone", {}).get("mlpRatio", 4)
    half = row["op"].endswith(HALF)
    op = row["op"][: -len(HALF)] if half else row["op"]
    torch.manual_seed(11)
    named, variants, *rest = OPS[op](row["shape"], ratio)
    constants = rest[0] if rest else {}
    timed, dtype = in_half(op, variants) if half else (variants, torch.float32)
    if dtype == torch.float16:
        named, constants = [{name: value.half() if value.is_floating_point() else value for name, value in group.items()} for group in (named, constants)]

    def tensors(kind):
        moved = {name: value.to(device, kind if value.is_floating_point() else None) for name, value in constants.items()}
        return {**moved, **{name: value.to(device, kind).requires_grad_(row["pass"] != "forward") for name, value in named.items()}}

    for variant, run in timed.items():
        call, checked = forward_and_backward(run, tensors(dtype), row["pass"])
        _, exact = forward_and_backward(variants[variant], tensors(torch.float64), row["pass"])
        yield Work(variant, call, largest_error(checked(), exact()), HALF_TOLERANCE if half else PRODUCT_TOLERANCE if op == "matmul" else TOLERANCE)


def adamw(parameters, gradients, rate):
    for parameter, gradient in zip(parameters, gradients):
        parameter.grad = gradient
    return torch.optim.AdamW(parameters, lr=rate, weight_decay=0.05, foreach=True)


def move_average(average, online):
    with torch.no_grad():
        torch._foreach_mul_(average, DECAY)
        torch._foreach_add_(average, online, alpha=1 - DECAY)


def norm_of(gradients):
    """As clip_grad_norm_: the norm of each tensor's norm."""
    norms = torch._foreach_norm(gradients) if hasattr(torch, "_foreach_norm") else [gradient.norm() for gradient in gradients]
    return torch.stack(list(norms)).norm()


def optimizer_work(row, device):
    """Optimiser rows: one tensor per 64 Ki parameters, as a network has many."""
    (size,) = numbers(row["shape"])
    sizes = [65536] * (size // 65536) + ([size % 65536] if size % 65536 else [])
    torch.manual_seed(13)
    parameters, others, averages = [[normal(part).to(device) for part in sizes] for _ in range(3)]
    doubled = lambda tensors: [value.double() for value in tensors]
    fresh = lambda tensors: [value.clone() for value in tensors]
    whole = lambda tensors: torch.cat([value.detach().flatten() for value in tensors])

    def stepped(convert, with_average):
        # A rate that moves the parameters by a tenth: 1e-7 would be below the tolerance.
        moved, gradients, average = [convert(tensors) for tensors in (parameters, others, averages)]
        optimizer = adamw([value.requires_grad_() for value in moved], gradients, 0.1)
        optimizer.step()
        if with_average:
            move_average(average, moved)
        states = [optimizer.state[value] for value in moved]
        return [whole(moved), whole([state["exp_avg"] for state in states]), whole([state["exp_avg_sq"] for state in states]), whole(average)]

    if row["op"] in ("adamw", "adamw and running average"):
        both = row["op"] != "adamw"
        error = largest_error(stepped(fresh, both), stepped(doubled, both))
        optimizer = adamw([value.requires_grad_() for value in parameters], others, 1e-7)

        def call():
            optimizer.step()
            if both:
                move_average(averages, parameters)

        yield Work("eager", call, error)
    elif row["op"] == "ema":
        (one, exact) = (fresh(averages), doubled(averages))
        move_average(one, others)
        move_average(exact, doubled(others))
        yield Work("eager", lambda: move_average(averages, others), relative_error(whole(one), whole(exact)))
    elif row["op"] == "f32 to f16":
        (values,) = [normal(size).to(device)]
        yield Work("eager", values.half, relative_error(values.half(), values.double()))
    else:
        yield Work("eager", lambda: norm_of(others), relative_error(norm_of(others), norm_of(doubled(others))))


def autocast_step(autocast):
    """The name of the plain step under autocast: Zygo's mixed precision is of float16."""
    return f"{STEP}, {MIXED if autocast == 'float16' else AUTOCAST_WORDS + autocast}"


def way_of(op):
    """(dtype of autocast or None, settings of TrainingStep) of a step by its name; None for one in a way that is not known."""
    autocast, settings = None, {}
    for words in op.split(", ")[1:]:
        if words == MIXED:
            autocast = "float16"
        elif words.startswith(AUTOCAST_WORDS):
            autocast = words[len(AUTOCAST_WORDS) :]
        elif words == "checkpointed activations":
            settings["checkpointed"] = True
        elif words.endswith(" micro-batches"):
            settings["accumulate"] = numbers(words)[0]
        else:
            return None
    return autocast, settings


def step_error(preset, batch, device, autocast, settings):
    """Error of the loss and of the gradient's norm of one step, against float64 from the same parameters and views."""
    torch.manual_seed(5)
    step = TrainingStep(preset, min(batch, CHECKED_FACES * settings.get("accumulate", 1)), device, autocast, **settings)
    results = []
    for one in (step.in_double(), step):
        # A loss scale that is too large has the step skipped, and is halved; nothing else changes.
        for _ in range(MOST_SKIPPED):
            # The images that stochastic depth leaves out are drawn in the step.
            torch.manual_seed(6)
            loss = one()
            if torch.isfinite(one.gradient_norm).item():
                break
        results.append([loss.detach().double().reshape(1), one.gradient_norm.double().reshape(1)])
    return largest_error(results[1], results[0])


def step_work(row, device, presets):
    """The training step of a row."""
    preset = presets.get(row["model"])
    batch, size = numbers(row["shape"])[:2]
    way = way_of(row["op"])
    if way is None or preset is None or preset["backbone"]["imageSize"] != size:
        return
    autocast, settings = way
    against = f"loss and gradient norm of the same step of {CHECKED_FACES} faces at most (in each part) in float64"
    dtype, tolerance = AUTOCAST[autocast] if autocast else (None, TOLERANCE)
    if dtype == torch.float16 and device.type != "cuda":
        raise RuntimeError("autocast to float16 needs CUDA")
    error = step_error(preset, batch, device, dtype, settings)
    torch.manual_seed(5)
    yield Work(f"autocast {autocast}" if autocast else "eager", TrainingStep(preset, batch, device, dtype, **settings), error, tolerance, against)


def work_of(row, device, presets):
    """All ways to do a row's work; none where PyTorch has no counterpart here."""
    if row["op"].split(", ")[0] == STEP:
        return step_work(row, device, presets)
    if row["op"] in ("adamw", "adamw and running average", "ema", "gradient norm", "f32 to f16"):
        return optimizer_work(row, device)
    if row["op"] in OPS or (row["op"].endswith(HALF) and row["op"][: -len(HALF)] in OPS):
        return op_work(row, device, presets)
    return ()
