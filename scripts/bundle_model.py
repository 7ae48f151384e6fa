#!/usr/bin/env python3
"""Bundles a GGUF file for the page: 4 MiB parts with SHA-256, and the file's entry in the catalog.

    bundle_model.py FILE.gguf ENTRY.json [--models FOLDER]

ENTRY.json holds the catalog entry without `revision` and `files`; both are computed here. Parts are named by the
file's hash, so that an address never changes its content, and go to <id>/ in FOLDER, beside its catalog.json; models/
unless given. Parts of other revisions in <id>/ are removed. The catalog's other entries stay as they are.
"""
import argparse
import hashlib
import json
import pathlib

PART_BYTES = 4 << 20
MODELS = pathlib.Path(__file__).resolve().parent.parent / "models"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def write_parts(folder, stem, data):
    """Writes data as parts and returns their catalog records, addresses relative to the catalog."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.part"):
        old.unlink()
    records = []
    for index, begin in enumerate(range(0, len(data), PART_BYTES)):
        part = data[begin:begin + PART_BYTES]
        path = folder / f"{stem}.{index:03}.part"
        path.write_bytes(part)
        records.append({"url": f"{folder.name}/{path.name}", "bytes": len(part), "sha256": sha256(part)})
    return records


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("entry", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, default=MODELS)
    args = parser.parse_args()

    data = args.gguf.read_bytes()
    if data[:4] != b"GGUF":
        parser.error(f"{args.gguf} is not a GGUF file")
    digest = sha256(data)
    entry = json.loads(args.entry.read_text())
    folder = args.models / entry["id"]
    stem = f"{entry['id']}-{entry['quantization'].lower()}-{digest[:12]}"
    parts = write_parts(folder, stem, data)
    entry["revision"] = digest[:12]
    entry["files"] = [{"url": f"{folder.name}/{stem}.gguf", "bytes": len(data), "sha256": digest, "parts": parts}]

    path = args.models / "catalog.json"
    catalog = json.loads(path.read_text()) if path.exists() else {"version": 1, "models": []}
    ids = [model["id"] for model in catalog["models"]]
    at = ids.index(entry["id"]) if entry["id"] in ids else len(ids)
    catalog["models"][at : at + 1] = [entry]
    path.write_text(json.dumps(catalog, indent=2, ensure_ascii=False) + "\n")
    print(f"{entry['id']}: {len(data)} bytes in {len(parts)} parts, sha256 {digest}")


if __name__ == "__main__":
    main()
