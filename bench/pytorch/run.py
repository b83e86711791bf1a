#!/usr/bin/env python3
"""PyTorch in eager mode at the shapes of Zygo's benchmark, on CUDA: `python3 bench/pytorch/run.py --help`.

Reads the rows of one or more result files (`npm run bench -- --json FILE`) and writes a file of the same schema, whose
rows have the same op, shape and pass. Plain PyTorch from 1.13 on; TF32 is switched off, so that both compute in f32.
"""

import argparse
import signal
import sys
import time
import warnings

import torch

from results import earlier_rows, environment_of, load, result_row, rows_of, work_of_row, write_whole
from timing import FEWEST_SAMPLES, QUANTA_PER_SAMPLE, finish, measure, probe, summary
from work import work_of

# Seconds between writing what is known so far: a run that is killed loses no more.
KEEP_SECONDS = 20


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


def measure_row(row, presets, implementation, device, timer, options):
    """(rows of all ways to do a row's work, why there are no more of them or None)."""
    rows = []
    try:
        for work in work_of(row, device, presets):
            rows.append(measured(result_row(row, work, implementation), work, device, timer, options))
            # The memory of a step is free before the next one is made.
            work.call = None
            figures = rows[-1]["summary"]
            print(f"{row['op']} {row['shape']}, {row['pass']} [{work.variant}]: " + (f"{(figures['gpu'] or figures['wall'])['median'] * 1e3:.4g} ms" if figures else rows[-1]["note"]), flush=True)
    except BrokenPipeError:
        raise
    except Exception as error:  # What breaks one row (memory, an op that is not there) takes no other with it.
        return rows, f"{type(error).__name__}: {error}".split("\n")[0]
    return rows, None if rows else "has no counterpart here"


def survives(device):
    """False after an error that a CUDA context does not outlive; gives unused memory back."""
    try:
        finish(device)
        if device.type == "cuda":
            torch.cuda.empty_cache()
    except RuntimeError:
        return False
    return True


def compute_in_f32():
    """No TF32, and sums of f16 products in f32, as Zygo's.

    These switches are in every version, and set the newer ones (fp32_precision) with them; from 2.9 on they warn, and
    using both kinds is an error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def options_of():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", action="append", required=True, help="result file of npm run bench; may be repeated, those that are not there are passed over")
    parser.add_argument("--presets", help="file with the presets, from: npm run bench -- presets; without it there are no training steps")
    parser.add_argument("--json", required=True, help="file to write; also on the way, every 20 s")
    parser.add_argument("--continue", dest="resume", action="store_true", help="keep the rows that the file of --json holds already, and measure the others")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--filter", default="", help="only rows whose op, shape or pass hold this text")
    parser.add_argument("--autocast", choices=["float16", "bfloat16"], help="also the training steps in mixed precision")
    parser.add_argument("--samples", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=4.0, help="of samples per row at most")
    return parser.parse_args()


def main():
    options = options_of()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("PyTorch finds no CUDA device here: expected one, or --device cpu to try the script.")
    compute_in_f32()
    device = torch.device(options.device)
    rows, zygo = rows_of(options.rows, options.autocast)
    if zygo is None:
        sys.exit("No result could be read: expected files that \"npm run bench -- --json FILE\" wrote.")
    presets = (load(options.presets) if options.presets else {}) or {}
    start, timer, environment = time.perf_counter(), probe(device), environment_of(zygo, device)
    done, before = earlier_rows(options.json, environment) if options.resume else ([], 0)
    known, skipped = {work_of_row(row) for row in done}, []

    def write():
        write_whole(options.json, {
            "format": "zygo-bench",
            "version": 1,
            "suite": "pytorch",
            "filter": options.filter or None,
            "tuned": None,
            "environment": environment,
            "timer": timer,
            "rules": {"minimum": options.samples, "maximum": options.samples, "precision": 0.01, "seconds": options.seconds, "runLimit": 0},
            "peaks": {"copy": None, "fma": None},
            "canary": {"baseline": 0, "tolerance": 0, "calibration": [], "outOfBand": 0, "of": 0, "discarded": 0},
            "rows": done,
            "comparisons": [],
            "series": [],
            "training": [],
            "skipped": skipped,
            "seconds": before + time.perf_counter() - start,
        })

    def ended(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)
    interrupted, lost, kept_at = False, False, time.perf_counter()
    try:
        for row in rows:
            name = f"{row['op']} {row['shape']}, {row['pass']}"
            if work_of_row(row) in known or options.filter.lower() not in name.lower():
                continue
            made, why = measure_row(row, presets, f"PyTorch {torch.__version__}", device, timer, options)
            done.extend(made)
            if why:
                skipped.append({"what": name, "why": why})
            lost = not survives(device)
            if lost:
                skipped.append({"what": "everything else", "why": f"the device failed at {name}"})
                print(f"the device failed at {name} ({why}): what was measured before is kept", flush=True)
                break
            if time.perf_counter() - kept_at > KEEP_SECONDS:
                write()
                kept_at = time.perf_counter()
    except KeyboardInterrupt:
        interrupted = True
        print("interrupted: what was measured is kept", flush=True)
    except BrokenPipeError:
        # Whoever started this was killed: nobody reads on, and the device is somebody else's.
        write()
        sys.exit(1)
    write()
    wrong = sum(row["status"] == "wrong" for row in done)
    print(f"{len(done)} rows on {environment['adapter']['description']}, {wrong} wrong, {len(skipped)} without a counterpart; {time.perf_counter() - start:.0f} s")
    sys.exit(130 if interrupted else 1 if wrong or lost else 0)


if __name__ == "__main__":
    main()
