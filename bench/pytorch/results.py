"""Result files: the rows of Zygo's that are to be measured, and a file of the same schema for what was measured."""

import datetime
import json
import os
import platform
import subprocess

import torch

from work import STEP, autocast_step

SECTIONS = ("kernels", "ladder", "comparison", "training")
# Rows of the same flops in the order of what a reader looks for first: time may run out.
FIRST_STEPS = (STEP, autocast_step("float16"))


def load(file):
    """A file's JSON; None where there is none that can be read."""
    try:
        with open(file, encoding="utf-8") as opened:
            return json.load(opened)
    except (OSError, ValueError):
        return None


def work_of_row(row):
    """What tells a row's work from others: a shape is another step in another preset."""
    return (row["op"], row["shape"], row["pass"], row["model"] if row["op"].startswith(STEP) else "")


def importance(row):
    """Steps of the presets as they are, products, steps in other ways, everything else; large work first."""
    op = row["op"]
    rank = 0 if op in FIRST_STEPS else 1 if op.startswith("matmul") else 2 if op.startswith(STEP) else 3
    return rank, -row["flops"]


def rows_of(files, autocast):
    """Rows to measure: each piece of work once, what matters first, and the environment of the first file or None.

    With `autocast` each plain training step brings itself in mixed precision along, where there is no such row.
    """
    wanted, environment = {}, None
    for result in map(load, files):
        if result is None:
            continue
        environment = environment or result["environment"]
        for row in result["rows"]:
            if row["section"] not in SECTIONS or row["implementation"] != "zygo" or row["series"]:
                continue
            mixed = [{**row, "op": autocast_step(autocast)}] if autocast and row["op"] == STEP else []
            for one in [row, *mixed]:
                wanted.setdefault(work_of_row(one), one)
    return sorted(wanted.values(), key=importance), environment


def result_row(row, work, implementation):
    names = [row["section"], row["op"], row["shape"], row["pass"], implementation, work.variant]
    same = {key: row[key] for key in ("section", "op", "shape", "model", "pass", "flops", "bytes")}
    empty = {"check": None, "dispatches": 0, "peakBytes": 0, "lowerBoundBytes": 0, "compile": None, "firstRun": None, "hot": None, "cold": None, "summary": None, "series": None, "choices": []}
    return {**same, **empty, "id": " | ".join(names), "group": f"PyTorch: {row['op']} {row['shape']}, {row['pass']}", "implementation": implementation, "variant": work.variant, "status": "failed", "note": ""}


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


def earlier_rows(file, environment):
    """(rows, seconds) of a file that --continue goes on with; none where it is of another device, software or commit."""
    result = load(file)
    if result is None:
        return [], 0
    same = all(result["environment"][key] == environment[key] for key in environment if key != "date")
    if not same:
        print(f"{file} is of another device, software or commit: everything is measured again", flush=True)
        return [], 0
    print(f"{len(result['rows'])} rows are in {file} already", flush=True)
    return result["rows"], result["seconds"]


def write_whole(file, result):
    """A process that is killed on its way leaves the old file."""
    partial = f"{file}.{os.getpid()}.partial"
    with open(partial, "w", encoding="utf-8") as opened:
        opened.write(json.dumps(result))
    os.replace(partial, file)
