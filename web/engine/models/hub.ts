// Repositories of the Hugging Face hub, or of a mirror with the same interface: reads `hf:` names and hub addresses, asks
// once which files a revision has, and picks those that make a model. Fetching the files is left to others.
import { ParleyError } from "../errors";
import { fetchBytes, retrying, type World } from "./download";
import type { SourceFile } from "./sources";

const LISTING_LIMIT = 8 << 20; // bytes
const LONE_SURROGATE = /\p{Surrogate}/u; // no address can say it

export interface HubName {
  repository: string; // owner/name
  revision: string; // branch, tag or commit
  file: string | null; // one file of it, when the name says which
}

export interface HubFiles {
  revision: string; // the commit
  license: string; // "" when the model card has none
  files: { path: string; bytes: number; sha256: string }[];
}

/** owner/name */
export const HUB_REPOSITORY = /^(?!\.+\/)[\w.-]{1,96}\/(?!\.+$)[\w.-]{1,96}$/;

/**
 * `hf:owner/name`, `hf:owner/name@revision`, either with `/path/of/a.gguf` behind it, or the hub's own address of a
 * repository or of a file in one. Null for anything else; BAD_ARG for an `hf:` name that is none.
 */
export function parseHubName(name: string, hub: string): HubName | null {
  if (name.startsWith("hf:")) {
    const [, repository = "", revision = "main", file = null] =
      /^hf:([^/@]+\/[^/@]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(name) ?? [];
    if (HUB_REPOSITORY.test(repository) && !LONE_SURROGATE.test(revision)) {
      return { repository, revision: decoded(revision, name), file };
    }
    throw new ParleyError(
      "BAD_ARG",
      `'${name.slice(0, 200)}' is not hf:owner/name or hf:owner/name@revision.`,
    );
  }
  if (!name.startsWith(hub)) return null;
  const [owner, model, kind, revision, ...path] = new URL(name).pathname
    .slice(new URL(hub).pathname.length)
    .split("/")
    .map((step) => decoded(step, name));
  const repository = `${owner}/${model ?? ""}`;
  if (!HUB_REPOSITORY.test(repository)) return null;
  if (kind === undefined || kind === "") return { repository, revision: "main", file: null };
  if (!["tree", "blob", "resolve"].includes(kind) || revision === undefined) return null;
  return { repository, revision, file: kind === "tree" || path.length === 0 ? null : path.join("/") };
}

/** `part` of `name` without its percent signs. */
function decoded(part: string, name: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ParleyError("BAD_ARG", `'${name.slice(0, 200)}' has a percent sign that stands for nothing.`);
  }
}

/** What a revision is now and which files it has. NOT_FOUND for a repository that is not there or not public. */
export async function listRepository(
  { repository, revision }: HubName,
  hub: string,
  world: World,
  signal: AbortSignal | undefined,
): Promise<HubFiles> {
  const url = `${hub}api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  let json: string;
  try {
    const attempt = () => fetchBytes(url, LISTING_LIMIT, () => {}, world, signal, "no-cache");
    json = new TextDecoder().decode(await retrying(world, null, signal, attempt));
  } catch (error) {
    if (error instanceof ParleyError && /answered 40[134]/.test(error.message)) {
      throw new ParleyError(
        "NOT_FOUND",
        `The hub has no public model ${repository} with a revision ${revision}.`,
      );
    }
    throw error;
  }
  return parseListing(json, repository);
}

/** Checks every field that is used: it is data from outside. */
export function parseListing(json: string, repository: string): HubFiles {
  let listing: Record<string, unknown>;
  try {
    listing = Object(JSON.parse(json)) as Record<string, unknown>;
  } catch (cause) {
    throw new ParleyError("BAD_JSON", `The hub's answer about ${repository} is not JSON.`, { cause });
  }
  const { sha, siblings, cardData } = listing;
  if (typeof sha !== "string" || !/^[0-9a-f]{40}$/.test(sha) || !Array.isArray(siblings)) {
    throw new ParleyError("BAD_JSON", `The hub's answer about ${repository} names no revision or no files.`);
  }
  const license = (Object(cardData) as { license?: unknown }).license;
  const files = siblings.slice(0, 10_000).flatMap((value) => {
    const { rfilename, size, lfs } = Object(value) as Record<string, unknown>;
    if (typeof rfilename !== "string" || rfilename === "" || LONE_SURROGATE.test(rfilename)) return [];
    const { sha256, size: lfsSize } = Object(lfs) as Record<string, unknown>;
    const hash = typeof sha256 === "string" && /^[0-9a-f]{64}$/.test(sha256) ? sha256 : "";
    const bytes = [size, lfsSize].find((one) => Number.isSafeInteger(one) && (one as number) > 0) ?? 0;
    return [{ path: rfilename, bytes: bytes as number, sha256: hash }];
  });
  return { revision: sha, license: typeof license === "string" ? license.slice(0, 100) : "", files };
}

/** The files of a repository that make a model: the best GGUF for these kernels, else a checkpoint in safetensors. */
export function chooseFiles(
  { files, revision }: HubFiles,
  { repository, file }: HubName,
  hub: string,
): { files: SourceFile[]; converts: boolean } {
  const source = ({ path, bytes, sha256 }: HubFiles["files"][number]): SourceFile => ({
    name: path,
    url: `${hub}${repository}/resolve/${revision}/${path.split("/").map(encodeURIComponent).join("/")}`,
    bytes,
    sha256,
  });
  const named = (path: string) => files.find((one) => one.path === path);
  if (file !== null) {
    const found = named(file);
    if (found === undefined) throw new ParleyError("NOT_FOUND", `${repository} has no file ${file}.`);
    if (file.endsWith(".gguf")) return { files: [source(found)], converts: false };
    if (!file.endsWith(".safetensors")) throw unusable(repository, [file]);
  }
  const gguf = file === null ? bestGguf(files.map(({ path }) => path)) : null;
  if (gguf !== null) return { files: [source(named(gguf) as HubFiles["files"][number])], converts: false };
  const folder = checkpointFiles(files.map(({ path }) => path));
  if (folder === null)
    throw unusable(
      repository,
      files.map(({ path }) => path),
    );
  return { files: folder.map((path) => source(named(path) as HubFiles["files"][number])), converts: true };
}

/** The kernels run Q8_0 and Q4_0 as they are; anything else is converted at load. Split files are not read. */
export function bestGguf(paths: readonly string[]): string | null {
  const whole = paths.filter((path) => /\.gguf$/i.test(path) && !/-\d{5}-of-\d{5}\.gguf$/i.test(path));
  for (const type of ["q8_0", "q4_0", "q6_k", "q5_k_m", "q4_k_m", ""]) {
    const found = whole.find((path) => path.toLowerCase().includes(type));
    if (found !== undefined) return found;
  }
  return null;
}

/** config.json, the weights, and the texts of the tokenizer; null when one of the three is missing. */
export function checkpointFiles(paths: readonly string[]): string[] | null {
  const has = (path: string) => paths.includes(path);
  const shards = paths.filter((path) => /^model-\d{5}-of-\d{5}\.safetensors$/.test(path)).sort();
  const weights = has("model.safetensors") ? ["model.safetensors"] : shards;
  const vocabulary = has("vocab.json") && has("merges.txt") ? ["vocab.json", "merges.txt"] : [];
  const tokenizer = vocabulary.length > 0 ? vocabulary : ["tokenizer.json"].filter(has);
  if (!has("config.json") || weights.length === 0 || tokenizer.length === 0) return null;
  const index = ["model.safetensors.index.json"].filter((path) => weights === shards && has(path));
  const details = ["tokenizer_config.json", "special_tokens_map.json", "README.md"].filter(has);
  return ["config.json", ...tokenizer, ...details, ...index, ...weights];
}

function unusable(repository: string, paths: readonly string[]): ParleyError {
  const has = (pattern: RegExp) => paths.some((path) => pattern.test(path));
  let what = "has no GGUF file and no checkpoint in safetensors with its config.json and tokenizer";
  if (has(/\.safetensors$/))
    what = "has weights in safetensors, but not its config.json or its tokenizer beside them";
  else if (has(/\.(bin|pt|pth)$/))
    what = "has its weights as a PyTorch pickle only, which runs code when it is read";
  else if (has(/\.onnx$/)) what = "has its weights as ONNX only";
  else if (has(/\.gguf$/)) what = "has its GGUF split into several files";
  return new ParleyError("UNSUPPORTED_MODEL", `${repository} ${what}; Parley reads GGUF and safetensors.`);
}
