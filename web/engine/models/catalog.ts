// Reads models/catalog.json and single entries, checking every field: it is data from outside. Addresses in it are
// relative to its own. Fetching model files is left to download.ts.
import { ParleyError } from "../errors";
import type { CatalogEntry, CatalogFile, CatalogPart, ModelPreset } from "../types";
import { fetchBytes, retrying, type World } from "./download";
import { HUB_REPOSITORY } from "./hub";
import { PART_BYTES } from "./parted_file";

const CATALOG_LIMIT = 4 << 20; // bytes
const MOST_ENTRIES = 1000;
const MOST_PARTS = 4096; // 16 GiB

type Fields = Record<string, unknown>;

function fail(where: string, expected: string): never {
  throw new ParleyError("BAD_JSON", `The model catalog is wrong: ${where} must be ${expected}.`);
}

function object(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail(where, "an object");
  return value as Fields;
}

function list(value: unknown, where: string, most: number): unknown[] {
  if (!Array.isArray(value) || value.length > most) fail(where, `a list of at most ${most}`);
  return value;
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string" || value.length > 4096) fail(where, "a text");
  return value;
}

function count(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) fail(where, "a whole number");
  return value as number;
}

function hash(value: unknown, where: string): string {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) fail(where, "a SHA-256 in hexadecimal");
  return value;
}

function address(value: unknown, where: string, base: string): string {
  const url = text(value, where);
  if (!URL.canParse(url, base)) fail(where, "an address");
  const { protocol, href } = new URL(url, base);
  if (protocol !== "https:" && protocol !== "http:") fail(where, "an http address");
  return href;
}

function parsePart(value: unknown, where: string, base: string): CatalogPart {
  const part = object(value, where);
  return {
    url: address(part.url, `${where}.url`, base),
    bytes: count(part.bytes, `${where}.bytes`),
    sha256: hash(part.sha256, `${where}.sha256`),
  };
}

/** What reads a file takes all its parts but the last to be of one size. */
function checkPartSizes(parts: readonly CatalogPart[], where: string, partBytes: number): void {
  for (const [index, { bytes }] of parts.entries()) {
    const isLast = index === parts.length - 1;
    if (!isLast && bytes !== partBytes) {
      fail(`${where}[${index}].bytes`, `${partBytes}, as of every part but the last (it is ${bytes})`);
    }
    if (isLast && (bytes === 0 || bytes > partBytes)) {
      fail(`${where}[${index}].bytes`, `1 to ${partBytes} (it is ${bytes})`);
    }
  }
}

function parseFile(value: unknown, where: string, base: string, partBytes: number): CatalogFile {
  const file = object(value, where);
  const parsed: CatalogFile = {
    url: address(file.url, `${where}.url`, base),
    bytes: count(file.bytes, `${where}.bytes`),
  };
  if (file.sha256 !== undefined) parsed.sha256 = hash(file.sha256, `${where}.sha256`);
  if (file.parts !== undefined) {
    parsed.parts = list(file.parts, `${where}.parts`, MOST_PARTS).map((part, index) =>
      parsePart(part, `${where}.parts[${index}]`, base),
    );
    const sum = parsed.parts.reduce((total, part) => total + part.bytes, 0);
    if (sum !== parsed.bytes)
      fail(`${where}.parts`, `${parsed.bytes} bytes together, as the file (it is ${sum})`);
    checkPartSizes(parsed.parts, `${where}.parts`, partBytes);
  }
  return parsed;
}

const PRESET_NAMES = [
  "temperature",
  "top_k",
  "top_p",
  "min_p",
  "repetition_penalty",
  "no_repeat_ngram_size",
  "min_tokens",
  "max_tokens",
  "retry_repeats",
] as const;

function parsePreset(value: unknown, where: string): ModelPreset {
  const fields = object(value ?? {}, where);
  const preset: ModelPreset = {};
  for (const name of PRESET_NAMES) {
    const number = fields[name];
    if (number === undefined) continue;
    if (typeof number !== "number" || !Number.isFinite(number)) fail(`${where}.${name}`, "a number");
    preset[name] = number;
  }
  return preset;
}

function parseHub(value: unknown, where: string): NonNullable<CatalogEntry["hub"]> {
  const hub = object(value, where);
  const repository = text(hub.repository, `${where}.repository`);
  if (!HUB_REPOSITORY.test(repository)) fail(`${where}.repository`, "owner/name");
  return { repository, ...(hub.file !== undefined && { file: text(hub.file, `${where}.file`) }) };
}

/** One entry; `base` is the address of the file that it stands in. */
export function parseEntry(
  value: unknown,
  base: string,
  partBytes = PART_BYTES,
  where = "the entry",
): CatalogEntry {
  const entry = object(value, where);
  const field = (name: string) => text(entry[name], `${where}.${name}`);
  const parsed: CatalogEntry = {
    id: field("id"),
    name: field("name"),
    description: field("description"),
    revision: field("revision"),
    license: field("license"),
    license_url: address(entry.license_url, `${where}.license_url`, base),
    languages: list(entry.languages, `${where}.languages`, 100).map((name) =>
      text(name, `${where}.languages`),
    ),
    architecture: field("architecture"),
    quantization: field("quantization"),
    parameters: count(entry.parameters, `${where}.parameters`),
    context: count(entry.context, `${where}.context`),
    chat_format: field("chat_format"),
    preset: parsePreset(entry.preset, `${where}.preset`),
    files: list(entry.hub === undefined ? entry.files : (entry.files ?? []), `${where}.files`, 100).map(
      (file, index) => parseFile(file, `${where}.files[${index}]`, base, partBytes),
    ),
  };
  if (entry.import === "q8_0" || entry.import === "q4_0") parsed.import = entry.import;
  if (entry.hub !== undefined) parsed.hub = parseHub(entry.hub, `${where}.hub`);
  for (const name of ["download_bytes", "memory_bytes"] as const) {
    if (entry[name] !== undefined) parsed[name] = count(entry[name], `${where}.${name}`);
  }
  return parsed;
}

/** All entries of a catalog, addresses made absolute. */
export function parseCatalog(json: string, base: string, partBytes = PART_BYTES): CatalogEntry[] {
  const catalog = object(parseJson(json), "the catalog");
  return list(catalog.models, "models", MOST_ENTRIES).map((entry, index) =>
    parseEntry(entry, base, partBytes, `models[${index}]`),
  );
}

export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch (cause) {
    throw new ParleyError("BAD_JSON", "The model catalog is not JSON.", { cause });
  }
}

/** The text of a catalog or an entry. Always asked anew, so that a new revision is seen. */
export async function fetchJson(
  url: string,
  world: World,
  signal: AbortSignal | undefined,
  tries?: number,
): Promise<string> {
  const attempt = () => fetchBytes(url, CATALOG_LIMIT, () => {}, world, signal, "no-cache");
  return new TextDecoder().decode(await retrying(world, null, signal, attempt, tries));
}
