// Addresses out of model entries, which are data from outside: only those that are safe to follow.

import type { CatalogEntry } from "../../engine/types";

/** The licence's address, relative to the catalog; null unless it is http or https. */
export function licenceUrl(entry: Pick<CatalogEntry, "license_url">, catalogUrl: string): string | null {
  try {
    const url = new URL(entry.license_url, catalogUrl);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}
