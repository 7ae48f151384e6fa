#!/usr/bin/env python3
"""Draws Parley's mark, two quotation marks that face each other, into web/public/icons: an SVG and the PNG sizes that
the manifest names. The shape is stated once, as circles; the pixels are those circles, sampled, with no library."""
import math
import pathlib
import struct
import zlib

ICONS = pathlib.Path(__file__).resolve().parent.parent / "web/public/icons"
PAPER = (0xFA, 0xF8, 0xF4)
INK = (0x1D, 0x1B, 0x18)
VERDIGRIS = (0x12, 0x69, 0x5C)
SAMPLES = 4  # a side of a pixel

# One mark in a square from 0 to 1, y down: a round head, and below its middle a tail between two arcs about points on
# the head's own level, which meet at the tip. The other mark is this one, turned half way round the middle.
HEAD_X, HEAD_Y = 0.330, 0.405
TIP_X, TIP_Y = 0.230, 0.690
OUTER_X, INNER_X = 0.160, 0.020  # centres of the arcs
OUTER_R = math.hypot(TIP_X - OUTER_X, TIP_Y - HEAD_Y)
INNER_R = math.hypot(TIP_X - INNER_X, TIP_Y - HEAD_Y)
HEAD_R = OUTER_X + OUTER_R - HEAD_X  # the outer arc leaves the head without a corner

SCALE = 1.3  # of both marks, about the middle
SCALE_MASKABLE = 1.05  # within the circle that every launcher keeps
CORNER = 0.2  # radius of the tile's corners


def in_mark(x, y):
    if math.hypot(x - HEAD_X, y - HEAD_Y) <= HEAD_R:
        return True
    outer = math.hypot(x - OUTER_X, y - HEAD_Y) <= OUTER_R
    inner = math.hypot(x - INNER_X, y - HEAD_Y) <= INNER_R
    return y >= HEAD_Y and outer and not inner


def in_tile(x, y, corner):
    dx = max(corner - x, x - (1 - corner), 0)
    dy = max(corner - y, y - (1 - corner), 0)
    return math.hypot(dx, dy) <= corner


def colour(x, y, scale, corner):
    """RGBA at a point of the icon."""
    if corner > 0 and not in_tile(x, y, corner):
        return (0, 0, 0, 0)
    u, v = (x - 0.5) / scale + 0.5, (y - 0.5) / scale + 0.5
    if in_mark(u, v):
        return (*VERDIGRIS, 255)
    if in_mark(1 - u, 1 - v):
        return (*INK, 255)
    return (*PAPER, 255)


def pixel(column, row, size, scale, corner):
    total = [0, 0, 0, 0]
    for j in range(SAMPLES):
        for i in range(SAMPLES):
            x = (column + (i + 0.5) / SAMPLES) / size
            y = (row + (j + 0.5) / SAMPLES) / size
            r, g, b, a = colour(x, y, scale, corner)
            total = [total[0] + r * a, total[1] + g * a, total[2] + b * a, total[3] + a]
    alpha = total[3]
    if alpha == 0:
        return bytes(4)
    return bytes([round(total[0] / alpha), round(total[1] / alpha), round(total[2] / alpha), round(alpha / SAMPLES**2)])


def png(size, scale, corner):
    rows = b"".join(
        b"\0" + b"".join(pixel(column, row, size, scale, corner) for column in range(size)) for row in range(size)
    )

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def svg():
    def n(value):
        return f"{value * 512:.1f}"

    def hex_colour(rgb):
        return "#" + bytes(rgb).hex()

    tail = (
        f"M{n(OUTER_X + OUTER_R)} {n(HEAD_Y)}A{n(OUTER_R)} {n(OUTER_R)} 0 0 1 {n(TIP_X)} {n(TIP_Y)}"
        f"A{n(INNER_R)} {n(INNER_R)} 0 0 0 {n(INNER_X + INNER_R)} {n(HEAD_Y)}Z"
    )
    mark = f'<circle cx="{n(HEAD_X)}" cy="{n(HEAD_Y)}" r="{n(HEAD_R)}"/><path d="{tail}"/>'
    shift = f"{256 * (1 - SCALE):.1f}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512"><title>Parley</title>'
        f'<rect width="512" height="512" rx="{n(CORNER)}" fill="{hex_colour(PAPER)}"/>'
        f'<g transform="translate({shift} {shift}) scale({SCALE})">'
        f'<g fill="{hex_colour(VERDIGRIS)}">{mark}</g>'
        f'<g fill="{hex_colour(INK)}" transform="rotate(180 256 256)">{mark}</g></g></svg>\n'
    )


def main():
    ICONS.mkdir(parents=True, exist_ok=True)
    (ICONS / "parley.svg").write_text(svg())
    (ICONS / "parley-192.png").write_bytes(png(192, SCALE, CORNER))
    (ICONS / "parley-512.png").write_bytes(png(512, SCALE, CORNER))
    (ICONS / "parley-maskable-512.png").write_bytes(png(512, SCALE_MASKABLE, 0))
    (ICONS / "parley-apple-180.png").write_bytes(png(180, SCALE_MASKABLE, 0))  # iOS rounds the corners itself


if __name__ == "__main__":
    main()
