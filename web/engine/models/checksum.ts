// A fast 64-bit checksum of stored parts, recorded when a part is committed and computed again at each load: it finds
// rot, not forgery. Four lanes of 32 bits, so that it runs at memory speed; the lanes are folded into two at the end.

const PRIMES = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f] as const; // of xxHash32, all odd

/** Each step is a bijection of its lane for a given word, so that no single changed word goes unseen. */
export function checksum(bytes: Uint8Array): string {
  if (bytes.byteOffset % 4 !== 0) return checksum(bytes.slice());
  const [p0, p1, p2, p3] = PRIMES;
  const whole = bytes.length & ~15;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, whole >> 2);
  let a = p1 | 0;
  let b = p2 | 0;
  let c = p3 | 0;
  let d = p0 | 0;
  for (let index = 0; index < words.length; index += 4) {
    a = Math.imul(rotate(a) ^ (words[index] as number), p0);
    b = Math.imul(rotate(b) ^ (words[index + 1] as number), p1);
    c = Math.imul(rotate(c) ^ (words[index + 2] as number), p2);
    d = Math.imul(rotate(d) ^ (words[index + 3] as number), p3);
  }
  for (let index = whole; index < bytes.length; index++) {
    a = Math.imul(rotate(a) ^ (bytes[index] as number), p0);
  }
  const low = mix(a ^ rotate(c) ^ bytes.length);
  const high = mix(b ^ rotate(d) ^ low);
  return hex(high) + hex(low);
}

function rotate(value: number): number {
  return (value << 13) | (value >>> 19);
}

// The finaliser of MurmurHash3.
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, "0");
}
