// SHA-256 as hexadecimal: the browser's where it offers one, else a small library's. Over plain http from another machine
// browsers have no crypto.subtle.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined;
  return subtle === undefined
    ? bytesToHex(sha256(bytes))
    : bytesToHex(new Uint8Array(await subtle.digest("SHA-256", bytes)));
}

/** Of a file that comes piece by piece, which crypto.subtle cannot hash. */
export class Sha256 {
  readonly #hash = sha256.create();

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  hex(): string {
    return bytesToHex(this.#hash.digest());
  }
}
