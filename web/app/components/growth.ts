// Fields that are as high as their text.

import { useLayoutEffect } from "preact/hooks";

/** Where `field-sizing` is missing, the height follows the text by hand; CSS has the limit. */
export function useGrowth(field: { current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    if (field.current === null || CSS.supports("field-sizing", "content")) return;
    field.current.style.height = "auto";
    field.current.style.height = `${field.current.scrollHeight}px`;
  }, [text, field]);
}
