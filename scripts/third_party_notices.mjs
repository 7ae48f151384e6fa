#!/usr/bin/env node
// Writes the notices of everything third-party that ships in dist/ to stdout: the npm packages that the page's code
// depends on, as installed, and what the wasm builds contain, from notices_wasm.txt. It judges no licence.
//
//   third_party_notices.mjs > THIRD_PARTY_NOTICES.txt
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const WEB = fileURLToPath(new URL('../web/', import.meta.url));
const lock = JSON.parse(readFileSync(`${WEB}package-lock.json`, 'utf8'));
const RULE = '='.repeat(78);

/** The lock file's paths of the packages that the page ships, dependencies of dependencies included. */
function shippedPackages() {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path.startsWith('node_modules/') && !entry.dev && !entry.devOptional && !entry.link)
    .map(([path]) => path)
    .filter((path) => existsSync(`${WEB}${path}/package.json`)) // peers that are optional stay out
    .sort();
}

function notice(path) {
  const { name, version, license } = JSON.parse(readFileSync(`${WEB}${path}/package.json`, 'utf8'));
  const file = readdirSync(WEB + path).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
  if (!license || !file) throw new Error(`${name}: no licence found in ${path}`);
  const text = readFileSync(`${WEB}${path}/${file}`, 'utf8').trim();
  return `${RULE}\n${name} ${version} (${license})\n${RULE}\n\n${text}\n`;
}

const wasm = readFileSync(new URL('notices_wasm.txt', import.meta.url), 'utf8');
process.stdout.write(
  `Parley contains the following third-party software.\n\n${shippedPackages().map(notice).join('\n')}\n${wasm}`,
);
