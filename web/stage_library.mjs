// The last step of the library's build: puts the declarations of its public modules beside its code in dist/, and stages
// the npm package in build/npm/: dist/, README, licences, and a package.json without the dependencies, which are bundled.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

const PUBLIC = ["index", "types", "errors"];
const web = new URL("./", import.meta.url);
const dist = new URL("dist/", web);
const staged = new URL("../build/npm/", web);

for (const name of PUBLIC) {
  const text = readFileSync(new URL(`declarations/${name}.d.ts`, dist), "utf8");
  const linked = text.replace(/(from\s+")(\.\/[a-z_]+)(")/g, "$1$2.js$3"); // the endings that Node's resolution wants
  for (const [, target] of linked.matchAll(/from\s+"\.\/([a-z_]+)\.js"/g)) {
    if (!PUBLIC.includes(target)) throw new Error(`${name}.d.ts names ${target}, which is not public`);
  }
  writeFileSync(new URL(`${name}.d.ts`, dist), linked);
}
rmSync(new URL("declarations/", dist), { recursive: true });

const { scripts, dependencies, devDependencies, overrides, engines, ...manifest } = JSON.parse(
  readFileSync(new URL("package.json", web), "utf8"),
);
rmSync(staged, { recursive: true, force: true });
mkdirSync(staged, { recursive: true });
cpSync(dist, new URL("dist/", staged), { recursive: true });
const notices = new URL("../scripts/third_party_notices.mjs", web).pathname;
writeFileSync(new URL("THIRD_PARTY_NOTICES.txt", staged), execFileSync(process.execPath, [notices]));
for (const file of ["README.md", "LICENSE"]) cpSync(new URL(file, web), new URL(file, staged));
writeFileSync(new URL("package.json", staged), `${JSON.stringify(manifest, null, 2)}\n`);
