// Constants that the build writes into the code (build_plugins.ts), for the page, the worker and the service worker.

/** Names the set of wasm builds that belongs to this code: a hash of their bytes. */
declare const __PARLEY_BUILD_ID__: string;
/** Parley's own version. */
declare const __PARLEY_VERSION__: string;
/** The Hugging Face hub or a mirror of it, for `hf:` names. */
declare const __PARLEY_HUB__: string;
/** CSP sources that models may come from besides the page's own origin. */
declare const __PARLEY_MODEL_HOSTS__: string[];
/** Headers that the service worker adds where the host sends none. */
declare const __PARLEY_HEADERS__: Record<string, string>;
/** Addresses of the files of each wasm build, relative to the site's root. */
declare const __PARLEY_WASM_FILES__: Record<string, string[]>;
