// Where the focus goes when the control that had it is gone.

export const MESSAGE_FIELD = "message";
export const SEND_BUTTON = "send";
export const SEARCH_FIELD = "search";

/** The message field, or, where focusing it would open a keyboard over the page, the button beside it. */
export function focusMessage(): void {
  const id = matchMedia("(pointer: coarse)").matches ? SEND_BUTTON : MESSAGE_FIELD;
  document.getElementById(id)?.focus({ preventScroll: true });
}
