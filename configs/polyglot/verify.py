"""Compares the frames that sandpipe recorded with NumPy's of the same photograph, to the bit, and draws both.

    python verify.py [print.npy] [--picture polyglot.png]

Needs NumPy alone. Exit code 0 where every frame is equal, else 1.
"""

import argparse
import pathlib
import struct
import sys
import zlib

import numpy as np

HERE = pathlib.Path(__file__).parent
F32 = np.float32


def normalise(image, black, white):
    tones = np.sort(image, axis=None)
    black, white = (tones[int(part * (image.size - 1))] for part in (black, white))
    return np.clip((image - black) * (F32(1) / (white - black)), F32(0), F32(1))


def blur(image, sigma):
    radius = int(3 * sigma + 0.5)
    weights = np.exp(-(np.arange(radius + 1.0) ** 2) / (2 * sigma**2))
    weights = (weights / (weights[0] + 2 * weights[1:].sum())).astype(F32)
    for axis in (1, 0):
        length = image.shape[axis]
        at = np.arange(length)
        result = weights[0] * image
        for k in range(1, radius + 1):
            low = image.take(np.maximum(at - k, 0), axis)
            high = image.take(np.minimum(at + k, length - 1), axis)
            result = result + weights[k] * (low + high)
        image = result
    return image


def edges(image):
    a = np.pad(image, 1, mode="edge")
    above, here, below = a[:-2], a[1:-1], a[2:]
    left, middle, right = np.s_[:, :-2], np.s_[:, 1:-1], np.s_[:, 2:]
    x = (above[right] - above[left]) + F32(2) * (here[right] - here[left]) + (below[right] - below[left])
    y = (below[left] - above[left]) + F32(2) * (below[middle] - above[middle]) + (below[right] - above[right])
    return np.sqrt(x * x + y * y)


def thicken(image, radius):
    padded = np.pad(image, radius, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * radius + 1, 2 * radius + 1))
    return windows.max(axis=(2, 3))


def ink(lines, image, strength):
    return image * np.maximum(F32(0), F32(1) - F32(strength) * lines)


def smooth(previous, image, rate):
    return previous + F32(rate) * (image - previous)


def equalise(image, amount):
    bins = np.clip(image * F32(256), 0, 255).astype(int)
    counts = np.bincount(bins.ravel(), minlength=256)
    spread = counts.cumsum() / image.size * 255
    return (amount * spread + (1 - amount) * np.arange(256.0) + 0.5).astype(np.uint8)[bins]


def curve(image, contrast):
    x = np.arange(256) / 255
    return ((contrast * (3 * x * x - 2 * x * x * x) + (1 - contrast) * x) * 255 + 0.5).astype(np.uint8)[image]


def vignette(image, strength):
    rows, columns = image.shape
    y = ((2 * np.arange(rows) + 1) / rows - 1)[:, None]
    x = (2 * np.arange(columns) + 1) / columns - 1
    return (image * (1 - strength * (x * x + y * y) / 2) + 0.5).astype(np.uint8)


def dither(image, tones):
    bayer = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]])
    rows, columns = image.shape
    place = np.tile(bayer, (-(-rows // 4), -(-columns // 4)))[:rows, :columns]
    step = 255 / (tones - 1)
    return (np.floor(image / step + (place + 0.5) / 16) * step).astype(np.uint8)


def write_png(path, image):
    """A grey image, without a library."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows, columns = image.shape
    lines = b"".join(b"\0" + line.tobytes() for line in image)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("found", nargs="?", default=HERE / "print.npy")
    parser.add_argument("--picture")
    arguments = parser.parse_args()
    found = np.load(arguments.found)
    photo = np.load(HERE / "photo.npy")[0]
    light = normalise(photo, 0.01, 0.98)
    inked = ink(thicken(edges(blur(light, 1.2)), 1), light, 1.5)
    steady = np.zeros_like(inked)
    for index, frame in enumerate(found):
        steady = smooth(steady, inked, 0.5)
        expected = dither(vignette(curve(equalise(steady, 0.75), 0.5), 0.6), 4)
        if not np.array_equal(frame, expected):
            print(f"frame {index}: {(frame != expected).sum()} of {frame.size} pixels differ")
            return 1
    if not len(found):
        print("no frame was recorded")
        return 1
    if arguments.picture:
        gap = np.full((photo.shape[0], 8), 255, np.uint8)
        write_png(arguments.picture, np.hstack([photo.astype(np.uint8), gap, found[-1]]))
    print(f"{len(found)} frames are equal to NumPy's, to the bit")
    return 0


if __name__ == "__main__":
    sys.exit(main())
