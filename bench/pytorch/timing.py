"""Times of PyTorch work: CUDA events on a GPU, the wall clock on a CPU; median and quartiles of many samples."""

import time

import torch

SAMPLES = 15
# A sample is at least this long, so that neither the events' step (0.5 us) nor the clock's matters.
LEAST_SECONDS = 2e-3
MOST_REPEATS = 10_000
WARM_UP_SECONDS = 0.05


def finish(device):
    """Waits until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def sample(work, repeats, device):
    """Seconds of `repeats` calls: (wall, gpu); gpu is None on a CPU."""
    finish(device)
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)] if device.type == "cuda" else None
    start = time.perf_counter()
    if events:
        events[0].record()
    for _ in range(repeats):
        work()
    if events:
        events[1].record()
    finish(device)
    wall = time.perf_counter() - start
    return wall, events[0].elapsed_time(events[1]) * 1e-3 if events else None


def quantile(values, share):
    """Linear between neighbours, as bench's own statistics."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def summary(values):
    return {"n": len(values), "median": quantile(values, 0.5), "q1": quantile(values, 0.25), "q3": quantile(values, 0.75)}


def measure(work, device, samples=SAMPLES, seconds=4.0):
    """First run, warm-up, growing repeats, then samples until there are enough or time is up.

    Returns (first run, repeats, wall samples, GPU samples or None, why it stopped); samples are seconds per call.
    """
    first, _ = sample(work, 1, device)
    repeats = 1
    warm_until = time.perf_counter() + WARM_UP_SECONDS
    while True:
        wall, gpu = sample(work, repeats, device)
        taken = wall if gpu is None else gpu
        if time.perf_counter() < warm_until:
            continue
        if taken >= LEAST_SECONDS or repeats >= MOST_REPEATS:
            break
        repeats = min(MOST_REPEATS, max(2 * repeats, int(repeats * LEAST_SECONDS / max(taken, 1e-7))))
    end = time.perf_counter() + seconds
    walls, gpus = [], []
    while len(walls) < samples and (time.perf_counter() < end or len(walls) < 3):
        wall, gpu = sample(work, repeats, device)
        walls.append(wall / repeats)
        if gpu is not None:
            gpus.append(gpu / repeats)
    decisive = gpus or walls
    spread = summary(decisive)
    notch = 1.57 * (spread["q3"] - spread["q1"]) / len(decisive) ** 0.5
    stop = "timeout" if len(walls) < samples else "settled" if notch <= 0.01 * spread["median"] else "noise"
    return first, repeats, walls, gpus or None, stop
