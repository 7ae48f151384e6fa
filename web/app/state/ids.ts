// Names for conversations and messages: 128 random bits. crypto.randomUUID is missing where a page is no secure context.

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
