// The texts of the tools, apart from the page's own because they are not needed before a tool is opened.

import { computed } from "@preact/signals";
import { language } from "./index";
import { toolsEn } from "./tools_en";
import { toolsZh } from "./tools_zh";

export type ToolMessages = typeof toolsEn;

/** The tools' texts in the language on show. */
export const toolText = computed<ToolMessages>(() => (language.value === "zh" ? toolsZh : toolsEn));
