// What a model's record says before anything is fetched, whether it is still what a source names, and its file's names and hash.
import { ParleyError } from "../errors";
import type { PartedFile } from "./parted_file";
import { type FileRecord, type ModelRecord, type PartRef, partsOf } from "./records";
import { sha256Hex } from "./sha256";
import { type Source, type SourceFile, sourceOf } from "./sources";

/** What a model's file is called on the user's disk. */
export function exportName(name: string): string {
  const plain = name.replace(/\.gguf$/i, "").replace(/[^\w.-]+/g, "-");
  return `${plain || "model"}.gguf`;
}

/** After its GGUF file, or its weights. */
export function modelName(files: readonly PartedFile[]): string {
  const weights = files.find(({ name }) => /\.(gguf|safetensors)$/i.test(name)) ?? files[0];
  if (weights === undefined) throw new ParleyError("BAD_ARG", "A model is at least one file.");
  return weights.name.replace(/(-\d{5}-of-\d{5})?\.(gguf|safetensors)$/i, "");
}

/** The record of a model about to be fetched, with what is there of the one before. */
export function newRecord(source: Source, before?: ModelRecord): ModelRecord {
  const known = before === undefined ? [] : [before.file, ...before.sources];
  const fileRecord = ({ name, url, bytes, sha256, parts }: SourceFile): FileRecord => {
    const same = known.find((one) => one.url === url && one.sha256 === sha256);
    if (parts !== undefined) {
      const refs = parts.map((part) => ({ sha256: part.sha256, bytes: part.bytes }));
      return { name, url, bytes, sha256, mark: "", checked: true, parts: refs };
    }
    return {
      name,
      url,
      bytes: bytes || (same?.bytes ?? 0),
      sha256,
      mark: same?.mark ?? "",
      checked: same?.checked ?? false,
      parts: same?.parts ?? [],
    };
  };
  const { id, name, revision, license, entry, import: type } = source;
  const files = source.files.map(fileRecord);
  const made: FileRecord = {
    name: `${name}.gguf`,
    url: "",
    bytes: 0,
    sha256: "",
    mark: "",
    checked: true,
    parts: (type !== null && before?.import === type ? before.file.parts : undefined) ?? [],
  };
  const record: ModelRecord = {
    id,
    name,
    revision,
    license,
    file: type === null ? (files[0] ?? made) : made,
    sources: type === null ? [] : files,
    old: [],
    complete: false,
    entry,
    import: type,
    memory_bytes: before?.memory_bytes ?? 0,
  };
  const wanted = new Set(partsOf(record).map(({ sha256 }) => sha256));
  const old = before === undefined ? [] : partsOf(before);
  record.old = unique(old.filter(({ sha256 }) => !wanted.has(sha256)));
  return record;
}

/** Whether what is stored is what the source names now. */
export function isOf(record: ModelRecord, source: Source): boolean {
  const stored = sourceOf(record).files;
  return (
    record.revision === source.revision &&
    record.import === source.import &&
    stored.length === source.files.length &&
    source.files.every(({ url, sha256, parts }, index) => {
      const one = stored[index];
      if (one?.url !== url || (one.sha256 !== sha256 && sha256 !== "" && one.sha256 !== "")) return false;
      return parts === undefined || parts.every((part, at) => record.file.parts[at]?.sha256 === part.sha256);
    })
  );
}

export function unique(parts: readonly PartRef[]): PartRef[] {
  return [...new Map(parts.map((part) => [part.sha256, part])).values()];
}

/** The file's SHA-256 where somebody has told it, else that of its parts' SHA-256s in a row, as hexadecimal. */
export function hashOfRecord({ file }: ModelRecord): Promise<string> | string {
  if (file.sha256 !== "") return file.sha256;
  const parts = file.parts.map((part) => part?.sha256 ?? "");
  return sha256Hex(new TextEncoder().encode(parts.join("")));
}
