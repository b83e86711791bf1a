"""Writes every committed fixture into test/fixtures: python3 test/reference/make_fixtures.py

Debian 12: apt-get install --no-install-recommends python3-torch python3-torchvision python3-pot python3-sklearn
Everything is computed in float64 from float32 inputs and stored as float32. The tests read only the files.
"""

import json
import os
import shutil

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score

import pot_ops as pot
import torch_ops as ops
from case_writer import as_f32, write_case, write_safetensors
from versions import made_with

FIXTURES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fixtures")

# One entry a file: its name, and what computes it from a random generator.
CASES = {
    "matmul-square": lambda g: ops.matmul(g, (64, 64), (64, 64)),
    "matmul-ragged": lambda g: ops.matmul(g, (37, 53), (53, 29)),
    "matmul-transpose-a": lambda g: ops.matmul(g, (2, 19, 33), (2, 19, 21), transpose_a=True),
    "matmul-transpose-b": lambda g: ops.matmul(g, (3, 20, 44), (3, 12, 44), transpose_b=True),
    "matmul-transpose-both": lambda g: ops.matmul(g, (16, 40), (24, 16), True, True),
    "matmul-one": lambda g: ops.matmul(g, (1, 1), (1, 1)),
    "matmul-row": lambda g: ops.matmul(g, (1, 300), (300, 1)),
    "matmul-shared-b": lambda g: ops.matmul(g, (2, 3, 5, 6), (6, 7)),
    "matmul-broadcast": lambda g: ops.matmul(g, (2, 1, 3, 4), (5, 4, 6)),
    "linear": lambda g: ops.linear(g, (2, 7, 9), 48, 96),
    "linear-ragged": lambda g: ops.linear(g, (13,), 31, 17),
    "linear-gelu": lambda g: ops.linear(g, (5, 8), 32, 64, "gelu"),
    "linear-gelu-ragged": lambda g: ops.linear(g, (3, 3), 7, 5, "gelu", scale=3.0),
    "linear-gelu-tail": lambda g: ops.linear(torch.Generator().manual_seed(6), (1,), 1, 1, "gelu", scale=2.0),
    "layer-norm": lambda g: ops.layer_norm(g, (4, 9, 96)),
    "layer-norm-ragged": lambda g: ops.layer_norm(g, (11, 27), epsilon=1e-6),
    "layer-norm-far": lambda g: ops.layer_norm(g, (3, 500), mean=100.0),
    "softmax": lambda g: ops.softmax(g, (3, 5, 49)),
    "softmax-large": lambda g: ops.softmax(g, (8, 1000), scale=20.0),
    "softmax-one": lambda g: ops.softmax(g, (4, 1)),
    "softmax-constant-cotangent": lambda g: ops.softmax(g, (6, 33), cotangent=torch.ones(6, 33)),
    "attention-plain": lambda g: ops.window_attention(g, (2, 8, 8, 16), 4, 0, 2),
    "attention-shift": lambda g: ops.window_attention(g, (2, 8, 12, 16), 4, 2, 2),
    "attention-padded": lambda g: ops.window_attention(g, (1, 10, 9, 24), 4, 2, 3),
    "attention-window-7": lambda g: ops.window_attention(g, (1, 14, 14, 32), 7, 3, 1),
    "attention-window-7-padded": lambda g: ops.window_attention(g, (1, 9, 16, 12), 7, 3, 2),
    "attention-window-2": lambda g: ops.window_attention(g, (2, 5, 6, 20), 2, 1, 2),
    "attention-window-12": lambda g: ops.window_attention(g, (1, 13, 12, 16), 12, 6, 2),
    "attention-head-64": lambda g: ops.window_attention(g, (1, 6, 6, 64), 3, 1, 1),
    "attention-head-6": lambda g: ops.window_attention(g, (1, 7, 11, 18), 5, 2, 3),
    "attention-low-map": lambda g: ops.window_attention(g, (1, 3, 12, 16), 6, 3, 2),
    "attention-narrow-map": lambda g: ops.window_attention(g, (1, 12, 4, 16), 4, 2, 2),
    "attention-small-map": lambda g: ops.window_attention(g, (2, 3, 2, 16), 7, 3, 2),
    "region-pool": lambda g: ops.region_pool(g, 2, 12, 8, 8, 32),
    "region-pool-ragged": lambda g: ops.region_pool(g, 3, 5, 7, 9, 13),
    "region-pool-empty": lambda g: ops.region_pool(g, 2, 3, 4, 5, 6, empty=True),
    "region-pool-one": lambda g: ops.region_pool(g, 1, 1, 1, 1, 1),
    "sinkhorn": lambda g: ops.sinkhorn(g, 4, 12, 12, 0.1, 50),
    "sinkhorn-ragged": lambda g: ops.sinkhorn(g, 2, 7, 19, 0.05, 100),
    "sinkhorn-small-epsilon": lambda g: ops.sinkhorn(g, 2, 12, 10, 0.01, 1000),
    "sinkhorn-relaxed": lambda g: ops.sinkhorn(g, 3, 9, 11, 0.05, 60, rho=0.5),
    "sinkhorn-prior": lambda g: ops.sinkhorn(g, 3, 12, 12, 0.1, 40, prior="shared"),
    "sinkhorn-prior-relaxed": lambda g: ops.sinkhorn(g, 2, 6, 10, 0.1, 40, rho=1.0, prior="each"),
    "sinkhorn-zero-masses": lambda g: ops.sinkhorn(g, 2, 8, 9, 0.1, 60, zeros=2),
    "sinkhorn-zero-masses-prior": lambda g: ops.sinkhorn(g, 2, 8, 9, 0.1, 60, prior="shared", zeros=2),
    "sinkhorn-one": lambda g: ops.sinkhorn(g, 1, 1, 1, 0.1, 3),
    "sinkhorn-pot-balanced": lambda g: pot.balanced(g, 20, 30, 0.1),
    "sinkhorn-pot-small-epsilon": lambda g: pot.balanced(g, 16, 12, 0.01),
    "sinkhorn-pot-unbalanced": lambda g: pot.unbalanced(g, 20, 15, 0.1, 1.0),
    "sinkhorn-pot-unbalanced-small-epsilon": lambda g: pot.unbalanced(g, 14, 18, 0.01, 0.1),
    "sinkhorn-pot-unbalanced-kl": lambda g: pot.unbalanced(g, 10, 14, 0.1, 0.5, relative=True),
    "bce": lambda g: ops.bce_with_logits(g, (16, 12), weight_shape=(12,)),
    "bce-plain": lambda g: ops.bce_with_logits(g, (7, 5)),
    "bce-soft": lambda g: ops.bce_with_logits(g, (3, 4, 5), soft=True, weight_shape=(5,)),
    "bce-confident": lambda g: ops.bce_with_logits(g, (33, 3), scale=20.0, weight_shape=(33, 3)),
    "adamw": lambda g: ops.adamw(g, (24, 30), 10),
    "adamw-ragged": lambda g: ops.adamw(g, (7, 3), 25, lr=0.1, beta2=0.95, weight_decay=0.0, scale=1e-3),
    "adamw-slow": lambda g: ops.adamw(g, (5,), 20, beta2=0.9999),
    "swin": lambda g: ops.swin(g, 2, 32, 32, {"patchSize": 4, "embedDim": 24, "depths": [2, 2], "numHeads": [2, 4], "windowSize": 4, "numClasses": 5}),
    "swin-odd": lambda g: ops.swin(g, 1, 44, 36, {"patchSize": 4, "embedDim": 12, "depths": [2, 2], "numHeads": [2, 4], "windowSize": 4, "numClasses": 5}),
    "swin-three-stages": lambda g: ops.swin(
        g, 2, 27, 41, {"patchSize": 2, "embedDim": 8, "depths": [1, 2, 1], "numHeads": [1, 2, 4], "windowSize": 5, "numClasses": 3}
    ),
    # One entry all but certain: the gradient is what is left of terms a million times as large (PyTorch in f32: 6e-3 off).
    "softmax-certain": lambda g: ops.softmax(torch.Generator().manual_seed(1), (1, 20), scale=10.0),
}


def write_cases(folder):
    for number, (name, make) in enumerate(CASES.items()):
        write_case(os.path.join(folder, f"{name}.safetensors"), *make(torch.Generator().manual_seed(number)), made_with())


def write_training(folder):
    """20 steps of a small Swin with AdamW on one batch: initial parameters, images, labels and the losses."""
    g = torch.Generator().manual_seed(1)
    config = {"patchSize": 4, "embedDim": 16, "depths": [2, 2], "numHeads": [2, 4], "windowSize": 4, "numClasses": 5}
    optimizer_config = {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weightDecay": 0.05}
    model = ops.swin_model(g, config)
    images, labels = ops.normal(g, 6, 3, 32, 32), (ops.uniform(g, 6, 5) > 0.5).to(torch.int32)
    tensors = {f"param.{name}": as_f32(value.clone()) for name, value in model.named_parameters()}
    # As Swin trains: no decay of biases, norms and position tables.
    decayed = [value for name, value in model.named_parameters() if value.dim() > 1 and not name.endswith("table")]
    kept = [value for name, value in model.named_parameters() if value.dim() <= 1 or name.endswith("table")]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": kept, "weight_decay": 0.0}], lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05
    )
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(images), labels.to(torch.float64))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    tensors |= {"images": as_f32(images), "labels": as_f32(labels), "losses": np.asarray(losses, np.float32)}
    metadata = {"config": json.dumps(config), "optimizer": json.dumps(optimizer_config), "madeWith": made_with()}
    write_safetensors(os.path.join(folder, "swin-adamw-20-steps.safetensors"), tensors, metadata)


def write_f1(folder):
    """Binary predictions and labels of several AUs, 9 where a label is unknown, and scikit-learn's F1 without those."""
    rng = np.random.default_rng(1)
    faces, aus = 200, 7
    prevalence = np.array([0.5, 0.2, 0.05, 0.9, 0.3, 0.0, 0.4])
    labels = (rng.random((faces, aus)) < prevalence).astype(int)
    predictions = np.where(rng.random((faces, aus)) < 0.75, labels, 1 - labels)
    predictions[:, 5] = 0  # nothing there and nothing predicted
    labels[rng.random((faces, aus)) < 0.1] = 9
    columns = [labels[:, au] != 9 for au in range(aus)]
    f1 = [f1_score(labels[known, au], predictions[known, au], zero_division=0) for au, known in enumerate(columns)]
    document = {"madeWith": made_with(), "aus": aus, "labels": labels.flatten().tolist(), "predictions": predictions.flatten().tolist(), "f1": f1, "macro": float(np.mean(f1))}
    with open(os.path.join(folder, "f1.json"), "w") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")


def main():
    for name, write in (("conformance", write_cases), ("training", write_training), ("metrics", write_f1)):
        folder = os.path.join(FIXTURES, name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        write(folder)


if __name__ == "__main__":
    main()
