"""Shifted-window attention from PyTorch's own ops, in the order of torchvision's `shifted_window_attention`."""

from functools import lru_cache

import torch
import torch.nn.functional as F


@lru_cache(maxsize=None)
def position_index(window, device):
    """Row of the bias table for each (query, key) of a window, [N * N]."""
    place = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
    apart = place[:, :, None] - place[:, None, :] + window - 1
    return (apart[0] * (2 * window - 1) + apart[1]).flatten().to(device)


@lru_cache(maxsize=None)
def shift_mask(height, width, window, shift, device, dtype=torch.float32):
    """[windows, N, N]: -100 between tokens of different regions of the cyclic shift, or None without a shift.

    Made once per size, as torchvision could and does not: in PyTorch's favour. On a GPU it would be copied there in
    every call, which takes longer than the attention.
    """
    if shift == 0:
        return None
    region = torch.zeros(height, width)
    count = 0
    for rows in (slice(0, -window), slice(-window, -shift), slice(-shift, None)):
        for columns in (slice(0, -window), slice(-window, -shift), slice(-shift, None)):
            region[rows, columns] = count
            count += 1
    region = region.view(height // window, window, width // window, window).permute(0, 2, 1, 3).reshape(-1, window * window)
    apart = region[:, None, :] != region[:, :, None]
    return torch.zeros(apart.shape).masked_fill(apart, -100.0).to(device, dtype)


def partition(x, window):
    """[B, H, W, C] -> [B * windows, N, C]"""
    batch, height, width, channels = x.shape
    x = x.view(batch, height // window, window, width // window, window, channels)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, channels)


def reverse(x, window, batch, height, width):
    """[B * windows, N, C] -> [B, H, W, C]"""
    x = x.view(batch, height // window, width // window, window, window, -1)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(batch, height, width, -1)


def attend(qkv, bias, mask, heads, fused=False):
    """Windows [W, N, 3C] -> [W, N, C]; bias [heads, N, N]; mask [windows, N, N] or None."""
    windows, tokens, channels = qkv.shape[0], qkv.shape[1], qkv.shape[2] // 3
    q, k, v = qkv.reshape(windows, tokens, 3, heads, channels // heads).permute(2, 0, 3, 1, 4)
    if fused:
        full = bias if mask is None else (bias[None] + mask[:, None]).repeat(windows // mask.shape[0], 1, 1, 1)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=full)
    else:
        scores = (q * (channels // heads) ** -0.5) @ k.transpose(-2, -1) + bias
        if mask is not None:
            scores = scores.view(windows // mask.shape[0], mask.shape[0], heads, tokens, tokens) + mask[:, None]
            scores = scores.view(windows, heads, tokens, tokens)
        y = scores.softmax(-1) @ v
    return y.transpose(1, 2).reshape(windows, tokens, channels)


def padding(size, window):
    return (window - size % window) % window


def window_attention(qkv, table, heads, window, shift, fused=False):
    """What Zygo's windowAttention computes: qkv [B, H, W, 3C] of maps that windows divide -> [B, H, W, C]."""
    batch, height, width, _ = qkv.shape
    tokens = window * window
    bias = table[position_index(window, qkv.device)].view(tokens, tokens, heads).permute(2, 0, 1).contiguous()
    mask = shift_mask(height, width, window, shift, qkv.device, qkv.dtype)
    rolled = torch.roll(qkv, (-shift, -shift), (1, 2)) if shift else qkv
    y = reverse(attend(partition(rolled, window), bias, mask, heads, fused), window, batch, height, width)
    return torch.roll(y, (shift, shift), (1, 2)) if shift else y
