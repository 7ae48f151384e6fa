#!/usr/bin/env python3
"""Checks that includes under src/ and imports under web/ go only where src/LAYERS allows; it does not look for cycles.

    check_layers.py [ROOT]      prints each line that breaks a rule; exit code 1 if there is any
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<((?:Eigen|nlohmann)/[^>]+)>)')
IMPORT = re.compile(r"""(?:\bfrom\s+|\bimport\s+|\bimport\(\s*|\bnew URL\(\s*)['"](\.{1,2}/[^'"]+)['"]""")


def read_rules(path):
    """The rules of a LAYERS file: {layer: [what it may use, itself included]}."""
    rules = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = line.split("#")[0].strip()
        if not line:
            continue
        layer, colon, allowed = line.partition(":")
        if not colon or layer in rules:
            sys.exit(f"{path}:{number}: expected `layer: what it may use`, once for each layer")
        rules[layer.strip()] = [layer.strip(), *allowed.split()]
    return rules


def allows(rule, target):
    return any(target == name or target.startswith(name + "/") for name in rule)


def check_includes(root, rules):
    """Yields a complaint for each include of src/ that its folder's rule does not allow."""
    src = root / "src"
    for path in sorted([*src.rglob("*.h"), *src.rglob("*.cc")]):
        here = path.relative_to(src)
        layer = here.parts[0]
        if layer not in rules:
            yield f"{path.relative_to(root)}: src/LAYERS has no layer '{layer}'"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            where = f"{path.relative_to(root)}:{number}"
            target = match[1] or match[2]
            if match[1] and not (src / target).is_file():
                yield f"{where}: \"{target}\" is no file under src/ (includes name the folder)"
            elif not allows(rules[layer], target):
                yield f"{where}: {layer} may not include {target}"


def layer_of(rules, name):
    """The longest layer that holds the path `name`, or None."""
    layers = [layer for layer in rules if name == layer or name.startswith(layer + "/")]
    return max(layers, key=len, default=None)


def check_imports(root, rules):
    """Yields a complaint for each relative import of web/ that leaves its layer for one that its rule does not name."""
    web = root / "web"
    for path in sorted([*web.rglob("*.ts"), *web.rglob("*.tsx")]):
        name = path.relative_to(root).as_posix()
        if "node_modules" in path.parts or "dist" in path.parts:
            continue
        layer = layer_of(rules, name)
        if layer is None:
            continue  # build configuration and the service worker stand outside the layers
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for match in IMPORT.finditer(line):
                target = (path.parent / match[1]).resolve()
                try:
                    target = target.relative_to(root.resolve()).as_posix()
                except ValueError:
                    target = match[1]
                if layer_of(rules, target) == layer or allows(rules[layer], target):
                    continue
                yield f"{name}:{number}: {layer} may not import {target}"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    rules = read_rules(root / "src" / "LAYERS")
    complaints = [*check_includes(root, rules), *check_imports(root, rules)]
    for complaint in complaints:
        print(complaint)
    files = sum(1 for pattern in ("*.h", "*.cc") for _ in (root / "src").rglob(pattern))
    if not files:
        print("no files under src/")
    if complaints or not files:
        sys.exit(1)
    print(f"{files} C++ files and the web folders keep to src/LAYERS")


if __name__ == "__main__":
    main()
