"""Times of PyTorch work: CUDA events on a GPU, the wall clock on a CPU; median and quartiles of many samples.

The smallest steps of both timers are probed when a run begins; a sample is at least 100 of them long, as in Zygo's own
benchmark, and what stays below that gets no time.
"""

import time

import torch

QUANTA_PER_SAMPLE = 100
# A sample is at least this long too, so that one interruption is not all of it.
LEAST_SECONDS = 2e-3
MOST_REPEATS = 1_000_000
FEWEST_SAMPLES = 3
WARM_UP_SECONDS = 0.05


def finish(device):
    """Waits until the device is done."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def probe_clock(changes=200):
    """Smallest step of the wall clock in seconds: where its tick is finer than a reading, the cost of a reading."""
    smallest, before = float("inf"), time.perf_counter()
    while changes > 0:
        after = time.perf_counter()
        if after > before:
            smallest, before, changes = min(smallest, after - before), after, changes - 1
    return smallest


def probe_events(device, count=256):
    """Smallest step between CUDA events, each behind a launch of next to nothing, in seconds."""
    x = torch.zeros(4, device=device)
    events = [torch.cuda.Event(enable_timing=True) for _ in range(count)]
    for event in events:
        x.add_(1)
        event.record()
    finish(device)
    times = sorted(events[0].elapsed_time(event) for event in events)
    steps = [after - before for before, after in zip(times, times[1:]) if after > before]
    return min(steps) * 1e-3 if steps else 1e-4


def probe_round_trip(device, trips=31):
    """Median seconds of a launch of next to nothing and of waiting for it."""
    x = torch.zeros(4, device=device)
    taken = []
    for _ in range(trips):
        finish(device)
        start = time.perf_counter()
        x.add_(1)
        finish(device)
        taken.append(time.perf_counter() - start)
    return quantile(taken, 0.5)


def probe(device):
    """Steps of the timers, as Zygo's result files name them."""
    clock = probe_clock()
    cuda = device.type == "cuda"
    trip = probe_round_trip(device) if cuda else 0.0
    return {"clock": clock, "roundTrip": trip, "wallQuantum": max(clock, trip), "gpuQuantum": probe_events(device) if cuda else None, "quantaPerSample": QUANTA_PER_SAMPLE}


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


def shortfall(wall, gpu, timer):
    """How many times too short a sample is for the timers that it was taken with; 1 or less where it will do."""
    of_wall = timer["quantaPerSample"] * timer["wallQuantum"] / max(wall, 1e-9)
    return of_wall if gpu is None else max(of_wall, timer["quantaPerSample"] * timer["gpuQuantum"] / max(gpu, 1e-9))


def measure(work, device, timer, samples=15, seconds=4.0):
    """First run, warm-up, growing repeats, then samples until there are enough or time is up.

    Returns (first run, repeats, wall samples, GPU samples or None, samples thrown away, why it stopped); samples are
    seconds per call. After a sample that is too short for a timer, all are thrown away and longer ones taken: where
    fewer than three are left, there is no figure.
    """
    first, _ = sample(work, 1, device)
    repeats = 1
    warm_until = time.perf_counter() + WARM_UP_SECONDS
    while True:
        wall, gpu = sample(work, repeats, device)
        lacking = max(shortfall(wall, gpu, timer), LEAST_SECONDS / max(gpu or wall, 1e-9))
        if time.perf_counter() < warm_until:
            continue
        if lacking <= 1 or repeats >= MOST_REPEATS:
            break
        # A fifth more than is needed: samples vary.
        repeats = min(MOST_REPEATS, max(2 * repeats, int(1.2 * repeats * lacking)))
    end = time.perf_counter() + seconds
    walls, gpus, thrown = [], [], 0
    while len(walls) < samples and (time.perf_counter() < end or len(walls) < FEWEST_SAMPLES):
        wall, gpu = sample(work, repeats, device)
        if shortfall(wall, gpu, timer) > 1:
            thrown += len(walls) + 1
            walls, gpus = [], []
            if repeats >= MOST_REPEATS:
                break
            repeats = min(MOST_REPEATS, 2 * repeats)
            continue
        walls.append(wall / repeats)
        if gpu is not None:
            gpus.append(gpu / repeats)
    if len(walls) < FEWEST_SAMPLES:
        return first, repeats, walls, gpus or None, thrown, "timeout"
    decisive = gpus or walls
    spread = summary(decisive)
    notch = 1.57 * (spread["q3"] - spread["q1"]) / len(decisive) ** 0.5
    stop = "timeout" if len(walls) < samples else "settled" if notch <= 0.01 * spread["median"] else "noise"
    return first, repeats, walls, gpus or None, thrown, stop
