// What a key press means where text is written.

const IME_KEY = 229; // the keyCode of keys that an input method handles, also where isComposing is already false

/** Enter by itself, and not in the middle of an input method's composition. */
export function isSendKey(event: KeyboardEvent): boolean {
  return event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== IME_KEY;
}

/** Ctrl, or Cmd on a Mac, with this letter; with Shift when that is asked for. */
export function isShortcut(event: KeyboardEvent, letter: string, shift = false): boolean {
  return (
    event.key.toLowerCase() === letter &&
    (event.ctrlKey || event.metaKey) &&
    event.shiftKey === shift &&
    !event.altKey
  );
}
