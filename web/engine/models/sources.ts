// From what the user names to the files that have to be fetched: catalog ids, addresses, and repositories of the hub,
// whose revision is asked for once and then kept. What is stored already is library.ts's to know.
import { ParleyError } from "../errors";
import type { CatalogEntry, CatalogPart } from "../types";
import { fetchJson, parseEntry, parseJson } from "./catalog";
import type { World } from "./download";
import { chooseFiles, type HubName, listRepository, parseHubName } from "./hub";
import type { ModelRecord } from "./records";

export interface SourceFile {
  name: string;
  url: string;
  bytes: number; // 0 while not known
  sha256: string; // of the whole file; "" where nobody says
  parts?: CatalogPart[];
}

/** A model before it is fetched. */
export interface Source {
  id: string;
  name: string;
  revision: string;
  license: string;
  files: SourceFile[];
  import: "q8_0" | "q4_0" | null;
  entry: CatalogEntry | null;
}

export interface Finder {
  baseUrl: string;
  hub: string; // ends with a slash
  partBytes: number;
  world: World;
  catalog(signal: AbortSignal): Promise<CatalogEntry[]>;
  stored(id: string): Promise<ModelRecord | undefined>;
}

/** What `name` means. `type`: what a checkpoint is to be converted to, when not what its entry says. */
export async function findSource(
  name: string,
  type: "q8_0" | "q4_0" | null,
  finder: Finder,
  signal: AbortSignal,
): Promise<Source> {
  const repository = parseHubName(name, finder.hub);
  if (repository !== null) {
    const id = hubId(repository);
    return (await kept(id, type, finder)) ?? fromHub(id, repository, null, type, finder, signal);
  }
  if (name.startsWith("file:")) return chosen(name, type, finder);
  const path = URL.canParse(name, finder.baseUrl) ? new URL(name, finder.baseUrl).pathname : "";
  const url = path === "" ? "" : new URL(name, finder.baseUrl).href;
  if (path.endsWith(".json")) {
    const entry = parseEntry(parseJson(await fetchJson(url, finder.world, signal)), url, finder.partBytes);
    return fromEntry(entry, type, finder, signal);
  }
  if (!path.endsWith(".gguf") && !/^https?:/.test(name)) return byId(name, type, finder, signal);
  const file = { name: fileName(url), url, bytes: 0, sha256: "" };
  return { id: url, name: file.name, revision: "", license: "", files: [file], import: null, entry: null };
}

export function fileName(url: string): string {
  try {
    return decodeURIComponent(new URL(url).pathname.split("/").at(-1) || url);
  } catch {
    return url; // a percent sign that is none
  }
}

function hubId({ repository, revision, file }: HubName): string {
  return `hf:${repository}${revision === "main" ? "" : `@${revision}`}${file === null ? "" : `/${file}`}`;
}

/** The user's own files, which no catalog and no host has. */
async function chosen(id: string, type: Source["import"], finder: Finder): Promise<Source> {
  const source = await kept(id, type, finder);
  if (source !== null) return source;
  const what = type === null ? "" : ` as ${type}`;
  throw new ParleyError("NOT_FOUND", `'${id.slice(0, 200)}' is not stored${what}; choose its file again.`);
}

/** A model of the catalog, which may know a newer revision than the one that is stored. That one does without a catalog. */
async function byId(
  id: string,
  type: Source["import"],
  finder: Finder,
  signal: AbortSignal,
): Promise<Source> {
  const record = await finder.stored(id);
  let catalog: CatalogEntry[] = [];
  try {
    catalog = await finder.catalog(signal);
  } catch (error) {
    if (record === undefined || !(error instanceof ParleyError)) throw error;
  }
  const entry = catalog.find((one) => one.id === id);
  if (entry !== undefined) return fromEntry(entry, type, finder, signal);
  if (record?.entry) return fromEntry(record.entry, type ?? record.import, finder, signal);
  throw new ParleyError("NOT_FOUND", `The catalog has no model '${id.slice(0, 200)}'.`);
}

/** What was found for this id before: its revision stays until the model is deleted. */
async function kept(id: string, type: Source["import"], { stored }: Finder): Promise<Source | null> {
  const record = await stored(id);
  if (record === undefined || (type !== null && record.import !== null && record.import !== type))
    return null;
  return sourceOf(record);
}

export function sourceOf(record: ModelRecord): Source {
  const { id, name, revision, license, entry, import: type } = record;
  const stored = type === null ? [record.file] : record.sources;
  const files = stored.map(({ name: file, url, bytes, sha256 }) => ({ name: file, url, bytes, sha256 }));
  return { id, name, revision, license, files, import: type, entry };
}

async function fromEntry(
  entry: CatalogEntry,
  type: Source["import"],
  finder: Finder,
  signal: AbortSignal,
): Promise<Source> {
  if (entry.hub !== undefined) {
    const record = await finder.stored(entry.id);
    const same = record !== undefined && record.entry?.revision === entry.revision;
    const source = same ? await kept(entry.id, type, finder) : null;
    if (source !== null) return { ...source, entry };
    const { repository, file = null } = entry.hub;
    const name = { repository, revision: entry.revision, file };
    return fromHub(entry.id, name, entry, type, finder, signal);
  }
  const files = entry.files.map(({ url, bytes, sha256 = "", parts }) => ({
    name: fileName(url),
    url,
    bytes,
    sha256,
    ...(parts !== undefined && { parts }),
  }));
  const { id, name, revision, license } = entry;
  return { id, name, revision, license, files, import: importType(entry, type), entry };
}

async function fromHub(
  id: string,
  name: HubName,
  entry: CatalogEntry | null,
  type: Source["import"],
  { hub, world }: Finder,
  signal: AbortSignal,
): Promise<Source> {
  const listing = await listRepository(name, hub, world, signal);
  const { files, converts } = chooseFiles(listing, name, hub);
  const { revision, license } = listing;
  return {
    id,
    name: entry?.name ?? name.repository,
    revision,
    license: entry?.license ?? license,
    files,
    import: converts ? (type ?? entry?.import ?? "q8_0") : null,
    entry,
  };
}

function importType(entry: CatalogEntry, type: Source["import"]): Source["import"] {
  return entry.import === undefined ? null : (type ?? entry.import);
}
