// The name of a model's licence, linked to its text, which opens beside the conversation rather than over it.

import { licenceUrl } from "../state/addresses";
import type { CatalogEntry } from "../state/model";
import { usePage } from "../state/page";

export function Licence({ entry }: { entry: CatalogEntry }) {
  const address = licenceUrl(entry, usePage().catalogUrl);
  if (address === null) return <bdi>{entry.license}</bdi>;
  return (
    <a href={address} target="_blank" rel="noopener">
      {entry.license}
    </a>
  );
}
