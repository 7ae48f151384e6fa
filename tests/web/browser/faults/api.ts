// What the page of the download tests asks its worker.
import type { LoadProgress, Notice, StorageState, StoredModel } from "../../../../web/engine/types";

export interface Setup {
  baseUrl: string;
  hub: string;
  partBytes: number;
  faster: number; // waits are this many times shorter
  stallMs: number;
}

/** How a download went. */
export interface Got {
  ok: boolean;
  sha256: string; // of what was accepted, "" when nothing was
  bytes: number; // with STORAGE_FULL: to be freed
  fromStorage: boolean;
  code: string;
  message: string;
  waits: string[]; // what it said that it waited for
  overdrawn: boolean; // more bytes were told than there are
}

export interface FaultApi {
  /** Where parts are kept. */
  setUp(setup: Setup): Promise<string>;
  /** Opens a model and reads all of it; `onProgress` is told of each report. */
  get(name: string, onProgress?: (progress: LoadProgress) => void): Promise<Got>;
  stored(): Promise<StoredModel[]>;
  verify(id: string): Promise<{ ok: boolean; bad_parts: number }>;
  remove(id: string): Promise<void>;
  clear(): Promise<void>;
  notices(): Promise<Notice[]>;
  storage(): Promise<StorageState>;
  /** Makes the browser say whether there is a network. */
  pretendOnline(online: boolean): Promise<void>;
  /** Makes the browser say that this site may store so many bytes, all of them free. */
  pretendRoom(bytes: number): Promise<void>;
  /** Holds the files of all parts open until the page goes. */
  lockParts(): Promise<number>;
}
