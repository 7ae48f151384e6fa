// Hands a file that was made in the page to the browser to keep.

const FETCHED_MS = 60_000; // by then the browser has it

export function download(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), FETCHED_MS);
}
