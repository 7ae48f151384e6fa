// A dialog over the page: opens and closes with `open`, closes on Esc and on a press outside of it, and gives the focus back.
// When the control that has the focus goes away, Close has it.

import type { ComponentChildren, RefObject } from "preact";
import { useEffect, useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n";

interface SheetProps {
  open: boolean;
  class: string;
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

export function Sheet({ open, class: name, title, onClose, children }: SheetProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const close = useRef<HTMLButtonElement>(null);
  const heading = useId();
  useLayoutEffect(() => {
    if (open && dialog.current?.open === false) dialog.current.showModal();
    if (!open && dialog.current?.open === true) dialog.current.close();
  }, [open]);
  useEffect(() => {
    const element = dialog.current;
    // The dialog has no padding of its own: what is pressed on it and not in it is its backdrop.
    const onPointerDown = (event: PointerEvent) => {
      if (event.target === element) element?.close();
    };
    element?.addEventListener("pointerdown", onPointerDown);
    return () => element?.removeEventListener("pointerdown", onPointerDown);
  }, []);
  useKeptFocus(dialog, close, open);
  return (
    <dialog
      ref={dialog}
      class={`sheet ${name}`}
      aria-labelledby={heading}
      // It is told of every closing, a moment later: one that gave way to another dialog must not close that.
      onClose={() => open && onClose()}
    >
      {open && (
        <div class="sheet-body">
          <header class="sheet-head">
            <h2 id={heading}>
              <bdi>{title}</bdi>
            </h2>
            <button ref={close} type="button" class="quiet" onClick={() => dialog.current?.close()}>
              {t.value.close}
            </button>
          </header>
          {children}
        </div>
      )}
    </dialog>
  );
}

/** Gives `fallback` the focus when what had it within `root` is taken out of the page. */
function useKeptFocus(
  root: RefObject<HTMLElement | null>,
  fallback: RefObject<HTMLElement | null>,
  active: boolean,
): void {
  useEffect(() => {
    const element = root.current;
    if (!active || element === null) return;
    let last: EventTarget | null = null;
    const onFocus = ({ target }: FocusEvent) => {
      last = target;
    };
    const observer = new MutationObserver(() => {
      const isGone = last instanceof Node && !last.isConnected;
      if (isGone && document.activeElement === document.body)
        fallback.current?.focus({ preventScroll: true });
    });
    element.addEventListener("focusin", onFocus);
    observer.observe(element, { childList: true, subtree: true });
    return () => {
      element.removeEventListener("focusin", onFocus);
      observer.disconnect();
    };
  }, [root, fallback, active]);
}
