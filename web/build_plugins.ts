// What the build adds to Vite: the wasm builds under a directory named by their hash, the models, the page's policy and
// the header files of static hosts. It compiles nothing: scripts/build.sh makes the wasm builds first.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { extname, join, relative, resolve } from "node:path";
import type { Plugin } from "vite";
import { commonHeaders, contentSecurityPolicy, headersFile, MODEL_HOSTS } from "../scripts/headers.mjs";

const REPOSITORY = resolve(import.meta.dirname, "..");
const WASM_DIRECTORY = resolve(process.env.PARLEY_WASM_DIR ?? join(REPOSITORY, "build/wasm"));
const MODELS_DIRECTORY = join(REPOSITORY, "models");

/** In the order in which they are tried. */
export const BUILD_NAMES = ["relaxed-threads", "relaxed", "simd128-threads", "simd128"] as const;

export interface WasmSet {
  id: string;
  /** Address below the site's root -> bytes. */
  files: Map<string, Uint8Array>;
  byBuild: Record<string, string[]>;
}

/** The wasm builds found, stamped with the id of their set; empty when there are none yet. */
export function readWasmSet(): WasmSet {
  const found: { build: string; name: string; bytes: Uint8Array }[] = [];
  for (const build of BUILD_NAMES) {
    for (const name of ["parley.mjs", "parley.wasm"]) {
      const path = join(WASM_DIRECTORY, build, name);
      if (existsSync(path)) found.push({ build, name, bytes: readFileSync(path) });
    }
  }
  const hash = createHash("sha256");
  for (const file of found)
    hash.update(`${file.build}/${file.name}\0${file.bytes.length}\0`).update(file.bytes);
  const id = hash.digest("hex").slice(0, 16);
  const set: WasmSet = { id, files: new Map(), byBuild: {} };
  for (const { build, name, bytes } of found) {
    const address = `wasm/${id}/${build}/${name}`;
    set.files.set(address, name.endsWith(".wasm") ? stampWasm(bytes, id) : bytes);
    const addresses = set.byBuild[build] ?? [];
    set.byBuild[build] = [...addresses, address];
  }
  return set;
}

/** Appends the custom section "parley.build" that says which set a module belongs to (row R8). */
export function stampWasm(module: Uint8Array, id: string): Uint8Array {
  const name = Buffer.from("parley.build");
  const content = Buffer.concat([Buffer.from([name.length]), name, Buffer.from(id)]);
  if (content.length > 127) throw new Error("the section's length must fit one LEB128 byte");
  return Buffer.concat([module, Buffer.from([0, content.length]), content]);
}

/** The files under models/ that are served, as [address below the site's root, path]. */
export function modelFiles(): [string, string][] {
  const files: [string, string][] = [];
  const walk = (directory: string) => {
    for (const name of readdirSync(directory).sort()) {
      const path = join(directory, name);
      if (statSync(path).isDirectory()) walk(path);
      else if (name !== "entry.json") files.push([`models/${relative(MODELS_DIRECTORY, path)}`, path]);
    }
  };
  if (existsSync(MODELS_DIRECTORY)) walk(MODELS_DIRECTORY);
  return files;
}

/** Constants of globals.d.ts. */
export function constants(wasm: WasmSet): Record<string, string> {
  const version = readFileSync(join(REPOSITORY, "VERSION"), "utf8").trim();
  const { "Strict-Transport-Security": _, ...headers } = commonHeaders();
  return {
    __PARLEY_BUILD_ID__: JSON.stringify(wasm.id),
    __PARLEY_VERSION__: JSON.stringify(version),
    __PARLEY_HUB__: JSON.stringify(process.env.PARLEY_HUB ?? "https://huggingface.co/"),
    __PARLEY_MODEL_HOSTS__: JSON.stringify(MODEL_HOSTS),
    __PARLEY_HEADERS__: JSON.stringify(headers),
    __PARLEY_WASM_FILES__: JSON.stringify(wasm.byBuild),
  };
}

const TYPES: Record<string, string> = {
  ".json": "application/json; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".wasm": "application/wasm",
};

/** Serves and emits the wasm builds and the models. */
export function assets(wasm: WasmSet): Plugin {
  return {
    name: "parley-assets",
    configureServer(server) {
      const models = () => new Map(modelFiles());
      server.middlewares.use((request, response, next) => {
        const address = (request.url ?? "").split(/[?#]/, 1)[0]?.replace(/^\//, "") ?? "";
        const bytes = wasm.files.get(address);
        const path = address.startsWith("models/") ? models().get(address) : undefined;
        if (!bytes && !path) return next();
        response.setHeader("Content-Type", TYPES[extname(address)] ?? "application/octet-stream");
        response.setHeader("Cross-Origin-Embedder-Policy", "require-corp");
        response.setHeader("Cross-Origin-Resource-Policy", "same-origin");
        if (bytes) response.end(bytes);
        else if (path) createReadStream(path).pipe(response);
      });
    },
    generateBundle() {
      if (wasm.files.size === 0) this.warn(`no wasm builds in ${WASM_DIRECTORY}: run scripts/build.sh`);
      for (const [fileName, source] of wasm.files) this.emitFile({ type: "asset", fileName, source });
      for (const [fileName, path] of modelFiles()) {
        this.emitFile({ type: "asset", fileName, source: readFileSync(path) });
      }
    },
  };
}

/** The page's policy as a <meta> element, for hosts that send no headers, and the header files of those that read one. */
export function hosting(): Plugin {
  return {
    name: "parley-hosting",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: () => [
        {
          tag: "meta",
          attrs: { "http-equiv": "Content-Security-Policy", content: contentSecurityPolicy({ meta: true }) },
          injectTo: "head-prepend",
        },
      ],
    },
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "_headers", source: headersFile() });
    },
  };
}
