// The response headers that Parley's pages need, once for the local server, the `_headers` file of static hosts and the
// page's own <meta> policy; it serves nothing itself.

/** Where models may come from besides the page's own origin, as CSP sources; MODEL_HOSTS replaces the list. */
export const MODEL_HOSTS = (
  process.env.MODEL_HOSTS ?? 'https://huggingface.co https://*.huggingface.co https://*.hf.co'
)
  .split(/\s+/)
  .filter(Boolean);

const POLICY = [
  ["default-src", "'none'"],
  ["script-src", "'self' 'wasm-unsafe-eval'"],
  ["worker-src", "'self'"],
  ["connect-src", ["'self'", ...MODEL_HOSTS].join(' ')],
  ["style-src", "'self'"],
  ["img-src", "'self'"],
  ["manifest-src", "'self'"],
  ["base-uri", "'none'"],
  ["form-action", "'none'"],
  ["frame-ancestors", "'none'"],
  ["require-trusted-types-for", "'script'"],
  // Emscripten makes its policy once for each thread, hence the duplicates.
  ["trusted-types", "parley#worker emscripten#workerPolicy1 'allow-duplicates'"],
];

/** The Content-Security-Policy; a <meta> element may not carry frame-ancestors. */
export function contentSecurityPolicy({ meta = false } = {}) {
  return POLICY.filter(([name]) => !(meta && name === 'frame-ancestors'))
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');
}

/** Paths of files that carry a hash of their content in their path, so that they never change. */
const IMMUTABLE = [/^assets\//, /^wasm\/[0-9a-f]+\//, /^models\/.+\.part$/];

const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/** Headers of every response, by name, Cache-Control apart. */
export function commonHeaders({ isolation = true } = {}) {
  return {
    'Content-Security-Policy': contentSecurityPolicy(),
    ...(isolation ? ISOLATION : {}),
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
    'Strict-Transport-Security': 'max-age=31536000',
  };
}

/** Cache-Control for a path relative to the site's root, without a leading slash. */
export function cacheControl(path) {
  return IMMUTABLE.some((pattern) => pattern.test(path)) ? 'max-age=31536000, immutable' : 'no-cache';
}

/** The `_headers` file that Netlify and Cloudflare Pages read. */
export function headersFile() {
  const lines = ['/*'];
  for (const [name, value] of Object.entries(commonHeaders())) lines.push(`  ${name}: ${value}`);
  // Values of rules that match the same path are joined, so no path may meet two rules with a Cache-Control; what no
  // rule names gets the hosts' own default, which asks every time.
  for (const path of ['', 'index.html', 'service_worker.js', 'models/catalog.json']) {
    lines.push(`/${path}`, `  Cache-Control: ${cacheControl(path)}`);
  }
  for (const path of ['assets/*', 'wasm/*', 'models/parley-17m/*.part']) {
    lines.push(`/${path}`, '  Cache-Control: max-age=31536000, immutable');
  }
  return `${lines.join('\n')}\n`;
}
