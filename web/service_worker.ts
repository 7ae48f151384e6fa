// Keeps the page usable without a network and on hosts that send no headers: precaches the shell as one set, adds the
// isolation and policy headers that a response lacks, and keeps the wasm builds. It never stores model weights, and never
// takes over from the version before until the user asks for it.
import { PrecacheController } from "workbox-precaching";

declare const self: ServiceWorkerGlobalScope & {
  __WB_MANIFEST: { url: string; revision: string | null }[];
};

/** What the page may ask for. */
type PageRequest = { type: "SKIP_WAITING" } | { type: "CACHE_BUILDS" };

const WASM_CACHES = "parley-wasm-";
const WASM_CACHE = WASM_CACHES + __PARLEY_BUILD_ID__;
const SCOPE = new URL(self.registration.scope);

/** A copy of a response with the headers that its host left out. */
function withHeaders(response: Response): Response {
  if (response.status === 0) return response; // opaque, or a redirect that the browser follows itself
  const headers = new Headers(response.headers);
  let changed = false;
  for (const [name, value] of Object.entries(__PARLEY_HEADERS__)) {
    if (headers.has(name)) continue;
    headers.set(name, value);
    changed = true;
  }
  if (!changed) return response;
  const { status, statusText } = response;
  return new Response(status === 204 || status === 304 ? null : response.body, {
    status,
    statusText,
    headers,
  });
}

function builtFiles(build: string): string[] {
  return (__PARLEY_WASM_FILES__[build] ?? []).map((path) => new URL(path, SCOPE).href);
}

async function cacheFiles(urls: readonly string[]): Promise<void> {
  const cache = await caches.open(WASM_CACHE);
  await Promise.all(
    urls.map(async (url) => {
      if ((await cache.match(url)) !== undefined) return;
      const response = await fetch(url, { credentials: "omit" });
      if (!response.ok) throw new Error(`${url} answered ${response.status}`);
      await cache.put(url, withHeaders(response));
    }),
  );
}

/** The builds that this browser used with the version before: the new one must have them before it may take over. */
async function buildsInUse(): Promise<string[]> {
  const names = (await caches.keys()).filter((name) => name.startsWith(WASM_CACHES) && name !== WASM_CACHE);
  const keys = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  const paths = keys.flat().map(({ url }) => new URL(url).pathname);
  return Object.keys(__PARLEY_WASM_FILES__).filter((build) =>
    paths.some((path) => path.includes(`/${build}/`)),
  );
}

// All or nothing: one file that fails fails the installation, and the version before stays.
const shell = new PrecacheController({
  plugins: [
    { cacheWillUpdate: async ({ response }) => (response.status === 200 ? withHeaders(response) : null) },
  ],
});
shell.addToCacheList(self.__WB_MANIFEST);

self.addEventListener("install", (event) => {
  event.waitUntil(buildsInUse().then((builds) => cacheFiles(builds.flatMap(builtFiles))));
  void shell.install(event);
});

self.addEventListener("activate", (event) => {
  const clean = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(WASM_CACHES) && name !== WASM_CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(clean());
  void shell.activate(event);
});

self.addEventListener("message", (event) => {
  const request = event.data as PageRequest;
  switch (request?.type) {
    case "SKIP_WAITING":
      void self.skipWaiting();
      break;
    case "CACHE_BUILDS": {
      const all = Object.keys(__PARLEY_WASM_FILES__).flatMap(builtFiles);
      event.waitUntil(cacheFiles(all).catch(() => {})); // tried again at the next visit
      break;
    }
  }
});

/** The shell's copy of an address; what follows "?" is the page's, not the host's. */
async function shellResponse(url: URL): Promise<Response | undefined> {
  const file = url.pathname.endsWith("/") ? `${url.pathname}index.html` : url.pathname;
  const key = shell.getCacheKeyForURL(new URL(file, url).href);
  return key === undefined ? undefined : caches.match(key, { ignoreVary: true });
}

async function respond(request: Request, url: URL, path: string): Promise<Response> {
  const stored = path.startsWith("wasm/")
    ? await caches.match(url.href, { cacheName: WASM_CACHE, ignoreVary: true })
    : await shellResponse(url);
  return stored ?? withHeaders(await fetch(request));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== SCOPE.origin || !url.pathname.startsWith(SCOPE.pathname))
    return;
  const path = url.pathname.slice(SCOPE.pathname.length);
  if (path.startsWith("models/") && path !== "models/catalog.json") return; // weights pass by
  event.respondWith(respond(request, url, path));
});
