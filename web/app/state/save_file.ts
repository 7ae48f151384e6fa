// Gives the user a file: in a place of their choice where the browser has a dialog for that, else as a download.

type Picker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

const DOWNLOAD_MS = 60_000; // for how long a download can still be started from its address

/**
 * `obtain` is asked for the file once there is a place for it, and its bytes go there as they are read. False when the user
 * thought better of it.
 */
export async function saveFile(name: string, obtain: () => Promise<File>): Promise<boolean> {
  const pick = (globalThis as { showSaveFilePicker?: Picker }).showSaveFilePicker;
  if (pick === undefined) {
    download(await obtain());
    return true;
  }
  let place: FileSystemFileHandle;
  try {
    place = await pick({ suggestedName: name });
  } catch (error) {
    if (error instanceof Error && error.name === "AbortError") return false;
    throw error;
  }
  const file = await obtain();
  await file.stream().pipeTo(await place.createWritable());
  return true;
}

function download(file: File): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), DOWNLOAD_MS);
}
