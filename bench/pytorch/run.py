#!/usr/bin/env python3
"""PyTorch in eager mode at the shapes of Zygo's benchmark, on CUDA: `python3 bench/pytorch/run.py --help`.

Reads the rows of one or more result files (`npm run bench -- --json FILE`) and writes a file of the same schema, whose
rows have the same op, shape and pass. Plain PyTorch from 1.13 on; TF32 is switched off, so that both compute in f32.
"""

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time

import torch

from ops import OPS, normal, numbers
from swin import TrainingStep
from timing import measure, summary

TOLERANCE = 1e-3
SECTIONS = ("kernels", "ladder", "comparison", "training")


def rows_of(files):
    """Rows to measure: each piece of work once, in order, and the environment of the first file."""
    wanted, environment = {}, None
    for file in files:
        try:
            with open(file, encoding="utf-8") as opened:
                result = json.load(opened)
        except (OSError, ValueError):
            continue
        environment = environment or result["environment"]
        for row in result["rows"]:
            if row["section"] not in SECTIONS or row["implementation"] != "zygo" or row["series"]:
                continue
            work = (row["op"], row["shape"], row["pass"], row["model"] if row["op"] == "training step" else "")
            wanted.setdefault(work, row)
    if environment is None:
        sys.exit("No result could be read: expected files that \"npm run bench -- --json FILE\" wrote.")
    return list(wanted.values()), environment


def relative_error(actual, expected):
    largest = expected.abs().max().item()
    difference = (actual.double() - expected).abs().max().item()
    return difference if largest == 0 else difference / largest


def forward_and_backward(run, tensors, given_pass):
    """The function to be timed, and one that gives what is checked."""
    inputs = list(tensors.values())
    if given_pass == "forward":
        def forward():
            with torch.no_grad():
                return run(tensors)

        return forward, lambda: [forward()]
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


def op_work(row, device, presets):
    """(variant, function, error) of each way to do a row's work."""
    ratio = presets.get(row["model"], {}).get("backbone", {}).get("mlpRatio", 4)
    torch.manual_seed(11)
    named, variants = OPS[row["op"]](row["shape"], ratio)
    for variant, run in variants.items():
        def tensors(dtype):
            return {name: value.to(device, dtype).requires_grad_(row["pass"] != "forward") for name, value in named.items()}

        work, checked = forward_and_backward(run, tensors(torch.float32), row["pass"])
        _, exact = forward_and_backward(run, tensors(torch.float64), row["pass"])
        error = max(relative_error(actual, expected) for actual, expected in zip(checked(), exact()))
        yield variant, work, error


def optimizer_work(row, device):
    """Optimiser rows: one tensor per 64 Ki parameters, as a network has many."""
    (size,) = numbers(row["shape"])
    sizes = [65536] * (size // 65536) + ([size % 65536] if size % 65536 else [])
    parameters = [normal(part).to(device).requires_grad_() for part in sizes]
    others = [normal(part).to(device) for part in sizes]
    if row["op"] == "adamw":
        for parameter, gradient in zip(parameters, others):
            parameter.grad = gradient
        optimizer = torch.optim.AdamW(parameters, lr=1e-7, weight_decay=0.05, foreach=True)
        yield "eager", optimizer.step, None
    elif row["op"] == "ema":
        def average():
            with torch.no_grad():
                torch._foreach_mul_(parameters, 0.99)
                torch._foreach_add_(parameters, others, alpha=0.01)

        yield "eager", average, None
    else:
        def norm():
            return torch.stack([value.norm() for value in torch._foreach_mul(others, 1.0)]).norm()

        yield "eager", norm, None


def step_work(row, device, presets, autocast):
    preset = presets.get(row["model"])
    batch, size = numbers(row["shape"])[:2]
    if preset is None or preset["backbone"]["imageSize"] != size:
        return
    torch.manual_seed(5)
    step = TrainingStep(preset, batch, device)
    if not torch.isfinite(step()).item():
        raise RuntimeError("the loss of the training step is not finite")
    yield "eager", step, None
    if autocast:
        del step
        yield f"autocast {autocast}", TrainingStep(preset, batch, device, {"float16": torch.float16, "bfloat16": torch.bfloat16}[autocast]), None


def work_of(row, device, presets, autocast):
    if row["op"] == "training step":
        return step_work(row, device, presets, autocast)
    if row["op"] in ("adamw", "ema", "gradient norm"):
        return optimizer_work(row, device)
    if row["op"] in OPS:
        return op_work(row, device, presets)
    return ()


def result_row(row, variant, implementation, device):
    # A step in another precision is other work: it must not be compared as the same.
    op = f"{row['op']}, {variant}" if variant.startswith("autocast") else row["op"]
    names = [row["section"], op, row["shape"], row["pass"], implementation, variant]
    same = {key: row[key] for key in ("section", "shape", "model", "pass", "flops", "bytes")}
    empty = {"check": None, "dispatches": 0, "peakBytes": 0, "lowerBoundBytes": 0, "compile": None, "firstRun": None, "hot": None, "cold": None, "summary": None, "series": None, "choices": []}
    return {**same, **empty, "op": op, "id": " | ".join(names), "group": f"PyTorch: {op} {row['shape']}, {row['pass']}", "implementation": implementation, "variant": variant, "status": "failed", "note": ""}


def measured(row, variant, work, error, implementation, device, options):
    made = result_row(row, variant, implementation, device)
    if error is not None:
        made["check"] = {"error": error if error == error and error != float("inf") else None, "tolerance": TOLERANCE, "output": "all", "against": "the same work in float64"}
        if not error <= TOLERANCE:
            return {**made, "status": "wrong", "note": "differs from float64, so there is no time"}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    first, repeats, wall, gpu, stop = measure(work, device, options.samples, options.seconds)
    made.update(
        status="timed",
        firstRun=first,
        hot={"wall": wall, "gpu": gpu, "repeats": repeats, "discarded": 0, "stop": stop, "canaries": []},
        summary={"wall": summary(wall), "gpu": gpu and summary(gpu), "cold": None},
        peakBytes=torch.cuda.max_memory_allocated() if device.type == "cuda" else 0,
    )
    if row["op"] == "training step":
        made["note"] = "views and attention maps given, not made in the step"
    return made


def driver():
    try:
        found = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True, timeout=20)
        return found.stdout.strip().splitlines()[0] if found.returncode == 0 else ""
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return ""


def environment_of(zygo, device):
    if device.type == "cuda":
        name = torch.cuda.get_device_name()
        major, minor = torch.cuda.get_device_capability()
        adapter = {"vendor": "nvidia", "architecture": f"sm_{major}{minor}", "device": name, "description": f"{name}, driver {driver() or 'not told'}", "software": False}
    else:
        adapter = {"vendor": "", "architecture": platform.machine(), "device": "CPU", "description": f"CPU, {torch.get_num_threads()} threads", "software": True}
    return {
        "zygo": zygo["zygo"],
        "commit": zygo["commit"],
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "system": zygo["system"],
        "runtime": f"PyTorch {torch.__version__} eager f32, CUDA {torch.version.cuda or 'none'}, Python {platform.python_version()}",
        "dawn": None,
        "adapter": adapter,
        "features": [],
        "limits": {},
        "subgroupSize": None,
        "flags": ["allow_tf32=False"],
    }


def measure_rows(rows, presets, implementation, device, options, done, skipped):
    """Fills both lists, so that what is there outlasts an interruption."""
    for row in rows:
        name = f"{row['op']} {row['shape']}, {row['pass']}"
        if options.filter.lower() not in name.lower():
            continue
        before = len(done)
        try:
            for variant, work, error in work_of(row, device, presets, options.autocast):
                done.append(measured(row, variant, work, error, implementation, device, options))
                figures = done[-1]["summary"]
                print(f"{name} [{variant}]: " + (f"{(figures['gpu'] or figures['wall'])['median'] * 1e3:.4g} ms" if figures else done[-1]["note"]), flush=True)
        except RuntimeError as error:
            skipped.append({"what": name, "why": str(error).split("\n")[0]})
        if len(done) == before and not any(entry["what"] == name for entry in skipped):
            skipped.append({"what": name, "why": "has no counterpart here"})
        if device.type == "cuda":
            torch.cuda.empty_cache()


def write_whole(file, text):
    """A process that is killed on its way leaves the old file."""
    partial = f"{file}.{os.getpid()}.partial"
    with open(partial, "w", encoding="utf-8") as opened:
        opened.write(text)
    os.replace(partial, file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", action="append", required=True, help="result file of npm run bench; may be repeated")
    parser.add_argument("--presets", help="file with the presets, from: npm run bench -- presets; without it there are no training steps")
    parser.add_argument("--json", required=True, help="file to write")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--filter", default="", help="only rows whose op, shape or pass hold this text")
    parser.add_argument("--autocast", choices=["float16", "bfloat16"], help="also the training steps in mixed precision")
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0, help="of samples per row at most")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here: expected one, or --device cpu to try the script.")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device(options.device)
    rows, zygo = rows_of(options.rows)
    presets = {}
    if options.presets:
        with open(options.presets, encoding="utf-8") as opened:
            presets = json.load(opened)
    implementation = f"PyTorch {torch.__version__}"
    start, done, skipped = time.perf_counter(), [], []
    # What matters most comes first: time may run out.
    rows = sorted(rows, key=lambda row: (row["op"] != "training step", row["op"] != "matmul", -row["flops"]))

    def ended(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    interrupted = False
    try:
        measure_rows(rows, presets, implementation, device, options, done, skipped)
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted: what was measured is kept", flush=True)
    result = {
        "format": "zygo-bench",
        "version": 1,
        "suite": "pytorch",
        "filter": options.filter or None,
        "tuned": None,
        "environment": environment_of(zygo, device),
        "timer": {"clock": 1e-7, "roundTrip": 0, "wallQuantum": 1e-7, "gpuQuantum": 5e-7 if device.type == "cuda" else None, "quantaPerSample": 100},
        "rules": {"minimum": options.samples, "maximum": options.samples, "precision": 0.01, "seconds": options.seconds, "runLimit": 0},
        "peaks": {"copy": None, "fma": None},
        "canary": {"baseline": 0, "tolerance": 0, "calibration": [], "outOfBand": 0, "of": 0, "discarded": 0},
        "rows": done,
        "comparisons": [],
        "series": [],
        "training": [],
        "skipped": skipped,
        "seconds": time.perf_counter() - start,
    }
    write_whole(options.json, json.dumps(result))
    wrong = sum(row["status"] == "wrong" for row in done)
    print(f"{len(done)} rows on {result['environment']['adapter']['description']}, {wrong} wrong, {len(skipped)} without a counterpart; {result['seconds']:.0f} s")
    sys.exit(130 if interrupted else 1 if wrong else 0)


if __name__ == "__main__":
    main()
