"""The self-supervised training step of a preset in eager PyTorch: two views through an online network and its running
average, stochastic depth, the four losses, backward pass, clipping, AdamW and the running average, as src/model
computes them.

Augmented views and attention maps are given: PyTorch has no kernels for them, and they take little of Zygo's step. The
prior of the relation loss and what Zygo's step measures about itself are left out, in PyTorch's favour.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from attention import attend, padding, partition, position_index, reverse, shift_mask
from ops import region_pool, sinkhorn


class Attention(nn.Module):
    def __init__(self, channels, heads, window, shift):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.table = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, heads))
        self.register_buffer("index", position_index(window, torch.device("cpu")))

    def forward(self, x):
        batch, height, width, channels = x.shape
        window, tokens = self.window, self.window**2
        down, right = padding(height, window), padding(width, window)
        padded = F.pad(x, (0, 0, 0, right, 0, down)) if down or right else x
        tall, wide = height + down, width + right
        shift = self.shift if min(tall, wide) > window else 0
        rolled = torch.roll(padded, (-shift, -shift), (1, 2)) if shift else padded
        bias = self.table[self.index].view(tokens, tokens, self.heads).permute(2, 0, 1)
        mask = shift_mask(tall, wide, window, shift, x.device, x.dtype)
        y = self.proj(attend(self.qkv(partition(rolled, window)), bias, mask, self.heads))
        y = reverse(y, window, batch, tall, wide)
        y = torch.roll(y, (shift, shift), (1, 2)) if shift else y
        return y[:, :height, :width].contiguous()


def leave_out(z, rate):
    """Stochastic depth: each image's branch is 0 with probability `rate`, and 1 / (1 - rate) times itself otherwise."""
    # Drawn in f32 whatever z is, so that a step in float64 leaves out the same.
    drawn = torch.rand(z.shape[0], 1, 1, 1, device=z.device, dtype=torch.float32)
    return z * ((drawn >= rate).to(z.dtype) / (1 - rate))


class Block(nn.Module):
    def __init__(self, channels, heads, window, shift, hidden, rate):
        super().__init__()
        self.rate = rate
        self.norm1, self.attention = nn.LayerNorm(channels), Attention(channels, heads, window, shift)
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels))

    def forward(self, x):
        branch = (lambda z: leave_out(z, self.rate)) if self.training and self.rate > 0 else (lambda z: z)
        x = x + branch(self.attention(self.norm1(x)))
        return x + branch(self.mlp(self.norm2(x)))


class Merge(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * channels), nn.Linear(4 * channels, 2 * channels, bias=False)

    def forward(self, x):
        x = F.pad(x, (0, 0, 0, x.shape[2] % 2, 0, x.shape[1] % 2))
        parts = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class Swin(nn.Module):
    def __init__(self, config, stochastic_depth):
        super().__init__()
        width, depths = config["embedDim"], config["depths"]
        if config["stem"] == "patch":
            self.stem = nn.Conv2d(3, width, 4, 4)
        else:
            self.stem = nn.Sequential(nn.Conv2d(3, width // 2, 3, 2, 1), nn.GELU(), nn.Conv2d(width // 2, width, 3, 2, 1))
        self.norm = nn.LayerNorm(width)
        self.stages, self.merges, self.norms = nn.ModuleList(), nn.ModuleList(), nn.ModuleDict()
        # True computes each block's activations again in the backward pass.
        self.checkpointed = False
        self.used = sorted({*config["poolStages"], len(depths) - 1})
        rates = iter(torch.linspace(0, stochastic_depth, sum(depths)).tolist())
        for stage, depth in enumerate(depths):
            channels = width * 2**stage
            shifts = [config["windowSize"] // 2 if at % 2 else 0 for at in range(depth)]
            self.merges.append(Merge(channels // 2) if stage else nn.Identity())
            self.stages.append(nn.Sequential(*[Block(channels, config["heads"][stage], config["windowSize"], shift, config["mlpRatio"] * channels, next(rates)) for shift in shifts]))
            if stage in self.used:
                self.norms[str(stage)] = nn.LayerNorm(channels)

    def forward(self, image):
        x = self.norm(self.stem(image).permute(0, 2, 3, 1).contiguous())
        maps = {}
        for stage, (merge, blocks) in enumerate(zip(self.merges, self.stages)):
            x = merge(x)
            for block in blocks:
                x = checkpoint(block, x, use_reentrant=False) if self.checkpointed and self.training else block(x)
            if stage in self.used:
                maps[stage] = self.norms[str(stage)](x)
        return maps


class Head(nn.Module):
    """Linear, batch normalisation per region, ReLU, linear, batch normalisation."""

    def __init__(self, inputs, hidden, outputs, groups):
        super().__init__()
        self.first, self.second = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        self.norm1, self.norm2 = [nn.BatchNorm1d(groups * width, track_running_stats=False) for width in (hidden, outputs)]

    def forward(self, x):
        faces = x.shape[0]
        norm = lambda layer, y: layer(y.reshape(faces, -1)).view(y.shape)
        return norm(self.norm2, self.second(F.relu(norm(self.norm1, self.first(x)))))


class Network(nn.Module):
    def __init__(self, preset):
        super().__init__()
        config, heads = preset["backbone"], preset["heads"]
        self.pool_stages, self.last = config["poolStages"], len(config["depths"]) - 1
        self.backbone = Swin(config, preset.get("stochasticDepth", 0))
        features = {"global": config["embedDim"] * 2**self.last, "region": sum(config["embedDim"] * 2**stage for stage in self.pool_stages)}
        groups = {"global": 1, "region": len(preset["regions"]["actionUnits"])}
        hidden, outputs = heads["hiddenDim"], heads["projectionDim"]
        self.projector = nn.ModuleDict({scope: Head(features[scope], hidden, outputs, groups[scope]) for scope in features})
        self.predictor = nn.ModuleDict({scope: Head(outputs, hidden, outputs, groups[scope]) for scope in features})

    def project(self, image, masks):
        maps = self.backbone(image)
        regions = torch.cat([region_pool(maps[stage], mask) for stage, mask in zip(self.pool_stages, masks)], -1)
        return {"global": self.projector["global"](maps[self.last].mean((1, 2))), "region": self.projector["region"](regions)}

    def predict(self, projected):
        return {scope: self.predictor[scope](x) for scope, x in projected.items()}


def negative_cosine(p, z):
    return (2 - 2 * F.cosine_similarity(p, z, -1)).mean()


def relative_to_person(x, group):
    return x if group < 2 else F.batch_norm(x.reshape(2 * group, -1), None, None, training=True).view(x.shape)


def swapped(x):
    first, second = x.chunk(2)
    return torch.cat([second, first])


def losses(predicted, wanted, group, objective):
    """The weighted sum of the four losses; every one of them whose weight is not 0."""
    mine, other = relative_to_person(predicted["region"], group), relative_to_person(swapped(wanted["region"]), group)
    faces, regions, _ = mine.shape
    total = objective["global"] * negative_cosine(predicted["global"], swapped(wanted["global"]))
    total = total + objective["region"] * negative_cosine(mine, other)
    online, target = F.normalize(mine, dim=-1), F.normalize(other, dim=-1)
    logits = online.transpose(0, 1) @ target.permute(1, 2, 0) / objective["contrastTemperature"]
    row = torch.arange(faces, device=mine.device)
    same_face = (row[:, None] % (faces // 2) == row[None, :] % (faces // 2)) & (row[:, None] != row[None, :])
    logits = logits.masked_fill(same_face, float("-inf")).reshape(-1, faces)
    total = total + objective["contrast"] * F.cross_entropy(logits, row.repeat(regions))
    cost = 1 - online @ target.transpose(1, 2)
    with torch.no_grad():
        marginal = lambda own, others: F.normalize((own @ others.mean(1)[:, :, None]).squeeze(-1).clamp_min(objective["relationFloor"]), p=1, dim=-1)
        plan = sinkhorn(cost.detach(), marginal(online, target), marginal(target, online), objective["relationIterations"])
    return total + objective["relation"] * (plan * cost).sum((1, 2)).mean()


def gradient_scaler(enabled):
    """The scaler of CUDA by the name that it has since PyTorch 2.3; the older name still works there, with a warning."""
    return torch.amp.GradScaler("cuda", enabled=enabled) if hasattr(torch.amp, "GradScaler") else torch.cuda.amp.GradScaler(enabled=enabled)


class TrainingStep:
    """Call it to run one step of `batch` faces, in `accumulate` parts; `autocast` is a dtype, or None for f32."""

    def __init__(self, preset, batch, device, autocast=None, checkpointed=False, accumulate=1):
        self.parts = accumulate
        batch //= accumulate
        size, units = preset["backbone"]["imageSize"], len(preset["regions"]["actionUnits"])
        self.preset, self.device, self.autocast = preset, device, autocast
        self.group = preset["groupSize"] if batch % preset["groupSize"] == 0 else 1
        self.online, self.target = Network(preset).to(device), Network(preset).to(device)
        self.target.load_state_dict(self.online.state_dict())
        # The network that moves slowly leaves nothing out.
        self.target.requires_grad_(False).eval()
        self.online.backbone.checkpointed = checkpointed
        self.images = [torch.randn(2 * batch, 3, size, size, device=device) for _ in range(accumulate)]
        sides = []
        for stage in preset["backbone"]["poolStages"]:
            side = size // 4
            for _ in range(stage):
                side = (side + 1) // 2
            sides.append(side)
        self.masks = [torch.rand(2 * batch, units, side, side, device=device) + 0.05 for side in sides]
        rates = preset["optimizer"]
        settings = {"lr": 1e-7, "betas": (rates["beta1"], rates["beta2"]), "eps": rates["epsilon"], "weight_decay": rates["weightDecay"]}
        self.optimizer = torch.optim.AdamW(self.online.parameters(), foreach=True, **settings)
        self.scaler = gradient_scaler(autocast == torch.float16 and device.type == "cuda")
        self.pairs = [list(network.parameters()) for network in (self.target, self.online)]
        self.gradient_norm = None

    def in_double(self):
        """A step from the same parameters and views in float64; before this one's first run."""
        twin = TrainingStep(self.preset, self.parts * self.images[0].shape[0] // 2, self.device, accumulate=self.parts)
        for own, other in ((twin.online, self.online), (twin.target, self.target)):
            own.load_state_dict(other.state_dict())
            own.double()
        twin.images, twin.masks = [[value.double() for value in values] for values in (self.images, self.masks)]
        return twin

    def backward(self, image):
        """Adds one part's share to the gradients; gives the part's loss."""
        with torch.autocast(self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None):
            with torch.no_grad():
                wanted = self.target.project(image, self.masks)
            predicted = self.online.predict(self.online.project(image, self.masks))
        with torch.autocast(self.device.type, enabled=False):
            as_float = lambda outputs: {name: value.to(torch.promote_types(value.dtype, torch.float32)) for name, value in outputs.items()}
            loss = losses(as_float(predicted), as_float(wanted), self.group, self.preset["objective"])
        self.scaler.scale(loss / self.parts).backward()
        return loss.detach()

    def __call__(self):
        preset = self.preset
        self.optimizer.zero_grad(set_to_none=True)
        loss = sum(self.backward(image) for image in self.images) / self.parts
        self.scaler.unscale_(self.optimizer)
        self.gradient_norm = torch.nn.utils.clip_grad_norm_(self.online.parameters(), preset["optimizer"]["clip"])
        self.scaler.step(self.optimizer)
        self.scaler.update()
        decay = preset["optimizer"]["targetDecay"]
        with torch.no_grad():
            torch._foreach_mul_(self.pairs[0], decay)
            torch._foreach_add_(self.pairs[0], self.pairs[1], alpha=1 - decay)
        return loss
