// The one Trusted Types policy for scripts that run beside the page, which accepts the addresses given here and no
// others. Emscripten has its own policy for its threads.

/** The part of the Trusted Types API that is used, where the browser has it. */
interface PolicyFactory {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): unknown };
}

const accepted = new Set<string>();
let policy: ReturnType<PolicyFactory["createPolicy"]> | null = null;

/** `url` as `new Worker` and `serviceWorker.register` take it. Call it with addresses fixed at build time only. */
export function trustedScript(url: string): string {
  const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
  if (factory === undefined) return url;
  accepted.add(url);
  policy ??= factory.createPolicy("parley#worker", {
    createScriptURL(input) {
      if (!accepted.has(input)) throw new TypeError(`${input} is not one of Parley's scripts`);
      return input;
    },
  });
  return policy.createScriptURL(url) as string;
}
