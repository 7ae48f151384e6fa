#!/usr/bin/env python3
"""Checks what package.sh packed: that the files a host or an embedder needs are there, and nothing that is private.

    check_package.py DIRECTORY     last line `N passed, N failed`; exit code 1 when any check failed
"""
import json
import pathlib
import re
import sys
import tarfile
import zipfile

BUILDS = ("simd128", "simd128-threads", "relaxed", "relaxed-threads")
IN_SITE = [
    r"index\.html",
    r"service_worker\.js",
    r"manifest\.webmanifest",
    r"_headers",
    r"LICENSE\.txt",
    r"THIRD_PARTY_NOTICES\.txt",
    r"models/catalog\.json",
    r"models/parley-17m/LICENSE\.txt",
    r"models/parley-17m/.+\.part",
    *(rf"wasm/[0-9a-f]+/{build}/parley\.{end}" for build in BUILDS for end in ("mjs", "wasm")),
]
IN_TARBALL = [
    r"package\.json",
    r"LICENSE(\.\w+)?",
    r"README\.md",
    r"dist/index\.(js|d\.ts)",
    r"dist/worker\.js",
    r"THIRD_PARTY_NOTICES\.txt",
    *(rf"dist/wasm/[0-9a-f]+/{build}/parley\.{end}" for build in BUILDS for end in ("mjs", "wasm")),
]
IN_NEITHER = r"(^|/)(node_modules|\.git|\.env|tests?|.*\.tsbuildinfo|.*\.map)(/|$)"


def complaints(names, wanted):
    """One (subject, complaint or None) for each pattern that must match a name, and one for names that may not be."""
    for pattern in wanted:
        found = any(re.fullmatch(pattern, name) for name in names)
        yield pattern, None if found else "no such file"
    private = [name for name in names if re.search(IN_NEITHER, name)]
    yield "nothing private", ", ".join(private) or None


def main():
    directory = pathlib.Path(sys.argv[1])
    results = []

    (site,) = directory.glob("*.zip")
    with zipfile.ZipFile(site) as archive:
        names = [name.split("/", 1)[1] for name in archive.namelist()]
        results += [(f"{site.name}: {subject}", why) for subject, why in complaints(names, IN_SITE)]

    (tarball,) = directory.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames()]
        results += [(f"{tarball.name}: {subject}", why) for subject, why in complaints(names, IN_TARBALL)]
        manifest = json.load(archive.extractfile("package/package.json"))
    version = (pathlib.Path(__file__).parent.parent / "VERSION").read_text().strip()
    right = manifest["version"] == version
    results.append((f"{tarball.name}: version", None if right else f"{manifest['version']}, VERSION says {version}"))
    scripts = [name for name in manifest.get("scripts", {}) if name in ("preinstall", "install", "postinstall")]
    results.append((f"{tarball.name}: no install scripts", ", ".join(scripts) or None))

    failed = [result for result in results if result[1]]
    for subject, why in failed:
        print(f"{subject}: {why}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
