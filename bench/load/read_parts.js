// Reads every part in Parley's storage once, into the same memory again and again, and says how long it took.

async function readParts() {
  const target = new Uint8Array(4 << 20);
  const root = await navigator.storage.getDirectory();
  const parts = await root.getDirectoryHandle("parley-parts");
  const begun = performance.now();
  let bytes = 0;
  for await (const file of parts.values()) {
    const handle = await file.createSyncAccessHandle({ mode: "read-only" });
    bytes += handle.read(target, { at: 0 });
    handle.close();
  }
  return { bytes, ms: performance.now() - begun };
}

readParts().then((taken) => postMessage(taken));
