// C9: what the web side is built from is pinned by hash and runs nothing while it is installed. What the benchmarks compare
// with is pinned too.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  link?: boolean;
}

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const lockedIn = (folder: string) =>
  Object.entries(read(`${folder}/package-lock.json`).packages as Record<string, Locked>).filter(
    ([path]) => path !== "",
  );
const packages = lockedIn("web");
const withBenchmarks = [...packages, ...lockedIn("bench/peers")];

test("C9: every package is locked by its SHA-512", () => {
  expect(packages.length).toBeGreaterThan(100);
  for (const [path, { integrity }] of withBenchmarks) expect(integrity, path).toMatch(/^sha512-/);
});

test("C9: no package runs a script when it is installed", () => {
  expect(packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([]);
});

test("C9: packages come from whatever registry npm is set to, and from nowhere else", () => {
  expect(
    withBenchmarks.filter(([, { resolved, link }]) => resolved !== undefined || link).map(([path]) => path),
  ).toEqual([]);
});

test("C9: direct dependencies have exact versions", () => {
  const { dependencies, devDependencies } = read("web/package.json") as Record<
    string,
    Record<string, string>
  >;
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});
