"""Draws training and validation loss over steps as an SVG, without a plotting library."""

WIDTH, HEIGHT, LEFT, BOTTOM, MARGIN = 720, 400, 48, 32, 12
SMOOTHING = 0.95  # of the training loss, which jumps from step to step


def _smoothed(points):
    result, mean = [], None
    for step, loss in points:
        mean = loss if mean is None else SMOOTHING * mean + (1 - SMOOTHING) * loss
        result.append((step, mean))
    return result


def draw_losses(lines: list[dict]) -> str:
    """lines: those of log.jsonl, with a `loss` or a `validation` at a `step`. The training loss is smoothed."""
    training = _smoothed([(line["step"], line["loss"]) for line in lines if "loss" in line])
    validation = [(line["step"], line["validation"]) for line in lines if "validation" in line]
    losses = [loss for _, loss in training + validation] or [0.0]
    last = max([step for step, _ in training + validation] or [1])
    low, high = int(min(losses)), int(max(losses)) + 1

    def x(step):
        return LEFT + (WIDTH - LEFT - MARGIN) * step / last

    def y(loss):
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - MARGIN) * (loss - low) / (high - low)

    view = f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {view}>']
    parts.append(f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>')
    for loss in range(low, high + 1):
        parts.append(f'<path d="M{LEFT} {y(loss):.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss}</text>')
    for part in range(5):
        step = round(last * part / 4)
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{step}</text>')
    for points, color in ((training, "#69c"), (validation, "#c33")):
        path = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    parts += [f'<circle cx="{x(step):.1f}" cy="{y(loss):.1f}" r="3" fill="#c33"/>' for step, loss in validation]
    legend = 'nats a token: <tspan fill="#69c">training</tspan>, <tspan fill="#c33">validation</tspan>'
    parts.append(f'<text x="{WIDTH - MARGIN}" y="24" text-anchor="end">{legend}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
