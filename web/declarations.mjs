// Puts the declarations of the library's public modules beside its code, with the file endings that Node's resolution
// wants, and leaves those of its insides out.
import { readFileSync, rmSync, writeFileSync } from "node:fs";

const PUBLIC = ["index", "types", "errors"];
const dist = new URL("dist/", import.meta.url);

for (const name of PUBLIC) {
  const text = readFileSync(new URL(`declarations/${name}.d.ts`, dist), "utf8");
  const linked = text.replace(/(from\s+")(\.\/[a-z_]+)(")/g, "$1$2.js$3");
  for (const [, target] of linked.matchAll(/from\s+"\.\/([a-z_]+)\.js"/g)) {
    if (!PUBLIC.includes(target)) throw new Error(`${name}.d.ts names ${target}, which is not public`);
  }
  writeFileSync(new URL(`${name}.d.ts`, dist), linked);
}
rmSync(new URL("declarations/", dist), { recursive: true });
