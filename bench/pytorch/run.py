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

from timing import FEWEST_SAMPLES, QUANTA_PER_SAMPLE, measure, probe, summary
from work import MIXED_STEP, work_of

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
            work = (row["op"], row["shape"], row["pass"], row["model"] if row["op"].startswith("training step") else "")
            wanted.setdefault(work, row)
    if environment is None:
        sys.exit("No result could be read: expected files that \"npm run bench -- --json FILE\" wrote.")
    return list(wanted.values()), environment


def result_row(row, work, implementation):
    op = work.op or row["op"]
    names = [row["section"], op, row["shape"], row["pass"], implementation, work.variant]
    same = {key: row[key] for key in ("section", "shape", "model", "pass", "flops", "bytes")}
    empty = {"check": None, "dispatches": 0, "peakBytes": 0, "lowerBoundBytes": 0, "compile": None, "firstRun": None, "hot": None, "cold": None, "summary": None, "series": None, "choices": []}
    return {**same, **empty, "op": op, "id": " | ".join(names), "group": f"PyTorch: {op} {row['shape']}, {row['pass']}", "implementation": implementation, "variant": work.variant, "status": "failed", "note": ""}


def measured(made, work, device, timer, options):
    """The row with its check and, where that was passed, its times."""
    finite = work.error == work.error and work.error != float("inf")
    made["check"] = {"error": work.error if finite else None, "tolerance": work.tolerance, "output": "all", "against": work.against}
    if not (finite and work.error <= work.tolerance):
        return {**made, "status": "wrong", "note": "differs from float64, so there is no time"}
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    first, repeats, wall, gpu, thrown, stop = measure(work.call, device, timer, options.samples, options.seconds)
    made.update(
        firstRun=first,
        resolution=QUANTA_PER_SAMPLE * timer["wallQuantum"],
        peakBytes=torch.cuda.max_memory_allocated() if device.type == "cuda" else 0,
    )
    if len(wall) < FEWEST_SAMPLES:
        return {**made, "status": "short", "note": f"samples of {repeats} runs are shorter than {QUANTA_PER_SAMPLE} steps of a timer"}
    made.update(
        status="timed",
        hot={"wall": wall, "gpu": gpu, "repeats": repeats, "discarded": thrown, "stop": stop, "canaries": []},
        summary={"wall": summary(wall), "gpu": gpu and summary(gpu), "cold": None},
    )
    if made["op"].startswith("training step"):
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
        "flags": ["allow_tf32=False", "allow_fp16_reduced_precision_reduction=False"],
    }


def measure_rows(rows, presets, implementation, device, timer, options, done, skipped):
    """Fills both lists, so that what is there outlasts an interruption."""
    for row in rows:
        name = f"{row['op']} {row['shape']}, {row['pass']}"
        if options.filter.lower() not in name.lower():
            continue
        before = len(done)
        try:
            for work in work_of(row, device, presets, options.autocast):
                made = result_row(row, work, implementation)
                done.append(measured(made, work, device, timer, options))
                # The memory of a step is free before the next one is made.
                work.call = None
                figures = done[-1]["summary"]
                print(f"{made['op']} {made['shape']}, {made['pass']} [{work.variant}]: " + (f"{(figures['gpu'] or figures['wall'])['median'] * 1e3:.4g} ms" if figures else done[-1]["note"]), flush=True)
        except (RuntimeError, ValueError) as error:
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
    # Zygo sums products of f16 in f32.
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    device = torch.device(options.device)
    rows, zygo = rows_of(options.rows)
    presets = {}
    if options.presets:
        with open(options.presets, encoding="utf-8") as opened:
            presets = json.load(opened)
    if options.autocast == "float16":
        # The f32 row of a step brings its mixed one along.
        plain = {(row["shape"], row["model"]) for row in rows if row["op"] == "training step"}
        rows = [row for row in rows if row["op"] != MIXED_STEP or (row["shape"], row["model"]) not in plain]
    implementation = f"PyTorch {torch.__version__}"
    start, done, skipped = time.perf_counter(), [], []
    timer = probe(device)
    # What matters most comes first: time may run out.
    rows = sorted(rows, key=lambda row: (not row["op"].startswith("training step"), not row["op"].startswith("matmul"), -row["flops"]))

    def ended(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    interrupted = False
    try:
        measure_rows(rows, presets, implementation, device, timer, options, done, skipped)
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
        "timer": timer,
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
