// The page in English. This table defines which texts there are: zh.ts must have the same, or the type check fails.

/** Cause, then next step. */
export interface FailureText {
  cause: string;
  next: string;
}

export const en = {
  you: "You",
  parley: "Parley",
  conversation: "Conversation",
  newConversation: "New conversation",
  newChat: "New chat",
  skipToMessage: "Skip to the message field",
  settings: "Settings",
  close: "Close",
  retry: "Retry",
  dismiss: "Dismiss",
  cancel: "Cancel",

  chip: {
    ready: (threads: number) => `ready, ${threads} ${threads === 1 ? "thread" : "threads"}`,
    loading: "loading",
    idle: "not loaded",
    restarting: "restarting",
    unresponsive: "not answering",
    elsewhere: "in another tab",
    failed: "not loaded",
  },
  progress: {
    starting: "Looking for the model",
    download: (done: string, rate: string, left: string) => `${done}, ${rate}, ${left} left`,
    offline: (done: string) => `${done}, waiting for a connection`,
    retry: (done: string) => `${done}, waiting for the host`,
    reread: (done: string) => `${done}, this host cannot resume: reading again from the start`,
    elsewhere: (done: string) => `${done}, another tab is downloading it`,
    convert: (done: string) => `Converting, ${done}`,
    load: (done: string) => `Reading ${done} into memory`,
    label: "The model is loading",
  },
  bytesOf: (done: string, total: string) => `${done} of ${total}`,
  perSecond: (bytes: string) => `${bytes}/s`,
  seconds: (value: string) => `${value} s`,
  minutes: (value: string) => `${value} min`,

  empty: {
    lead: "Parley is a language model that runs on your own processor, inside this page. Nothing you write leaves this device.",
    limits: (parameters: string, languages: string) =>
      `It is small, ${parameters} parameters, and makes mistakes. It speaks ${languages}.`,
    limitsShort: "It is small and makes mistakes.",
    begin: "Three ways to begin",
    scenario: "What for",
    scenarios: {
      any: "Anything",
      service: "Customer service",
      assistant: "Assistant",
      smallTalk: "Small talk",
    },
    facts: (name: string, size: string) => `${name}, ${size} to download once, licence`,
  },
  comma: ", ",

  composer: {
    label: "Your message",
    placeholder: "Say something",
    send: "Send",
    stop: "Stop",
    leftOut: (count: string) =>
      `A text of ${count} characters is more than Parley can read. It was left out.`,
    keys: "Enter sends, Shift+Enter starts a new line.",
  },
  context: {
    label: "Context used",
    figure: (used: string, total: string) => `${used} of ${total} tokens`,
    over: "More than Parley can read at once. Shorten it, or unpin an exchange.",
    drops: "Sending this leaves the oldest exchanges out.",
    dropped: "Parley no longer sees this",
  },

  chats: {
    title: "Conversations",
    short: "Chats",
    search: "Search",
    none: "Conversations are listed here once something was said.",
    noHits: "Nothing found.",
    writing: "writing",
    actions: (title: string) => `What to do with ${title}`,
    name: "Name",
    rename: "Rename",
    pin: "Pin",
    unpin: "Unpin",
    pinned: "pinned",
    remove: "Delete",
    removed: "Deleted:",
    undo: "Undo",
  },
  transfer: {
    title: "Import conversations",
    exportAll: "Export all",
    import: "Import",
    asMarkdown: "Export as Markdown",
    asJson: "Export as JSON",
    reading: "Checking the file",
    found: (conversations: string, count: number, messages: string, messageCount: number) =>
      `${conversations} ${count === 1 ? "conversation" : "conversations"} with ${messages} ${messageCount === 1 ? "message" : "messages"}.`,
    keeps: "What is here already stays as it is; what is missing is added.",
    withSettings: "Use its settings too",
    done: (conversations: string, count: number) =>
      `${conversations} ${count === 1 ? "conversation" : "conversations"} added.`,
    doneMessages: (messages: string, count: number) =>
      `${messages} ${count === 1 ? "message" : "messages"} added to others.`,
    failed: "Nothing was imported.",
    causes: {
      BAD_JSON: "The file is no JSON. Choose one that Parley exported.",
      BAD_MAGIC: "The file has no conversations of Parley's. Choose one that Parley exported.",
      BAD_VERSION: "The file is of a newer version of Parley. Reload the page to update it.",
      LIMIT: "The file holds more than Parley takes. Export fewer conversations at a time.",
      STORAGE: "This browser would not store it. Free some space and try again.",
      other: "The file was changed or damaged: at this place it is not as Parley writes it. Export it again.",
    } as Record<string, string> & { other: string },
  },
  turn: {
    edit: "Edit",
    pin: "Pin",
    unpin: "Unpin",
    pinned: "pinned",
    pinHint: "Parley keeps seeing this exchange, however long the conversation gets.",
    unpinHint: "This exchange may leave Parley's sight when the conversation gets long.",
  },
  edit: {
    message: "Your message, edited",
    reply: "The reply, edited",
    keep: "Keep",
    sendHint: "The first version stays, and the conversation goes on from this one.",
    keepHint: "The first version stays beside this one.",
  },

  reply: {
    waiting: "Parley answers as soon as the model is ready.",
    waitingForRetry: "Parley answers once the model is loaded.",
    tokens: (count: string) => `${count} ${count === "1" ? "token" : "tokens"}`,
    rate: (rate: string) => `${rate}/s`,
    seed: (seed: string) => `seed ${seed}`,
    cut: "cut at its limit",
    stopped: "stopped",
    interrupted: "interrupted",
    edited: "edited",
    empty: "Parley said nothing.",
    stoppedEmpty: "Stopped before the first word.",
    copy: "Copy",
    copied: "Copied",
    copyFailed: "Copying was refused",
    regenerate: "Regenerate",
    inspect: "Inspect",
    continue: "Continue",
    edit: "Edit message",
    tryAgain: "Try again",
    version: (index: string, count: string) => `${index} of ${count}`,
    previous: "Previous version",
    next: "Next version",
    latest: "Latest",
  },

  model: {
    licence: "Licence",
    languages: "Languages",
    size: "Size",
    sizeText: (bytes: string, parameters: string, quantization: string) =>
      `${bytes}, ${parameters} parameters, ${quantization}`,
    context: "Context",
    tokens: (count: string) => `${count} tokens`,
    memory: "Memory",
    memoryText: (actual: string, planned: string) => `${actual} in use, ${planned} planned`,
    memoryParts: (weights: string, cache: string, scratch: string) =>
      `weights ${weights}, cache of the conversation ${cache}, work ${scratch}`,
    processor: "Processor",
    processorText: (threads: number, most: number, build: string) =>
      `${threads === most ? most : `${threads} of ${most}`} ${most === 1 ? "thread" : "threads"}, build ${build}`,
    loaded: "Loaded",
    loadedText: (seconds: string, stored: boolean) =>
      `in ${seconds}, ${stored ? "from this device" : "downloaded"}`,
    storage: "Storage",
    backends: {
      opfs: "This site's private files",
      indexeddb: "This site's database",
      memory: "Memory only, nothing kept",
    },
    storageText: (backend: string, used: string) => `${backend}, ${used} used`,
    persisted: "The browser keeps it.",
    evictable: "The browser may remove it when space runs out.",
    verify: "Verify",
    verifying: "Checking every part",
    whole: "Every part is as published.",
    bad: (count: number) =>
      `${count} ${count === 1 ? "part differs" : "parts differ"} from what was published. Reload the page to fetch ${count === 1 ? "it" : "them"} again.`,
    remove: "Delete",
    removeAsk: (size: string) => `Delete ${size} from this device? The next visit downloads it again.`,
    removeYes: "Delete",
    removeNo: "Keep",
    removed: "Not stored on this device. It stays in memory until the page is closed.",
    load: "Load the model",
  },

  models: {
    title: "Models",
    current: "in use",
    stored: (bytes: string) => `${bytes} stored`,
    partial: (done: string) => `${done} arrived`,
    download: (bytes: string) => `${bytes} to download`,
    memory: (bytes: string) => `about ${bytes} of memory`,
    speed: (rate: string) => `${rate} tokens/s here`,
    use: "Use",
    resume: "Resume",
    pause: "Pause",
    remove: "Delete",
    removeYes: (bytes: string) => `Delete ${bytes}`,
    add: "Another model",
    addAction: "Load",
    files: "Choose files",
    addHint:
      "A repository of the Hugging Face hub, the address of a GGUF file, or files from this device, which can also be dropped here: a GGUF file, or config.json, the tokenizer's files and every safetensors file.",
    hosts: (hosts: string) => `This page may fetch from its own site and ${hosts}.`,
    noHosts: "This page may fetch from its own site only.",
    erase: "Delete everything on this device",
    eraseAsk: "Delete all models, conversations and settings from this device? This cannot be undone.",
    eraseYes: "Delete everything",
    erased: "Everything that Parley kept on this device is deleted.",
    startAgain: "Start again",
  },

  settingsText: {
    title: "Settings",
    appearance: "Appearance",
    theme: "Theme",
    themes: { auto: "Automatic", light: "Light", dark: "Dark" },
    language: "Language",
    languages: { auto: "Automatic", en: "English", zh: "中文" },
    system: "System text",
    systemHint: "Stands before this conversation and tells Parley who it is or how to answer.",
    replies: "Replies",
    more: "More options",
    reset: "Back to the model's preset",
    preset: (value: string) => `preset ${value}`,
    invalid: (min: string, max: string) => `A number from ${min} to ${max}.`,
    invalidList: "This cannot be read. See the example below.",
    version: (version: string) => `Parley ${version}`,
    notices: "Third-party notices",
  },
  options: {
    temperature: {
      name: "Temperature",
      hint: "Higher is more surprising; 0 always takes the likeliest token.",
    },
    max_tokens: { name: "Longest reply", hint: "In tokens. A reply that meets it can be continued." },
    top_p: { name: "Top p", hint: "Only the likeliest tokens that together reach this share." },
    top_k: { name: "Top k", hint: "Only this many of the likeliest tokens; 0 is off." },
    repetition_penalty: {
      name: "Repetition penalty",
      hint: "Over 1 makes tokens that were used less likely.",
    },
    min_p: {
      name: "Min p",
      hint: "Only tokens at least this likely, as a share of the likeliest; 0 is off.",
    },
    typical_p: { name: "Typical p", hint: "Only tokens about as surprising as expected; 1 is off." },
    repeat_last_n: {
      name: "Repetition window",
      hint: "How many tokens the repetition penalty looks back; 0 is all.",
    },
    frequency_penalty: { name: "Frequency penalty", hint: "Taken from a token for each time it was used." },
    presence_penalty: { name: "Presence penalty", hint: "Taken once from a token that was used." },
    no_repeat_ngram_size: {
      name: "No repeated runs",
      hint: "Runs of this many tokens are never repeated; 0 is off.",
    },
    min_tokens: { name: "Shortest reply", hint: "In tokens; the reply cannot end before." },
    retry_repeats: {
      name: "New tries for repeats",
      hint: "How often a reply that is empty, or repeats an earlier one, is written again.",
    },
    best_of: {
      name: "Best of",
      hint: "Writes this many replies and shows the most probable; 1 shows each as it comes.",
    },
    seed: {
      name: "Seed",
      hint: "The same seed gives the same reply. Empty draws a new one; Regenerate always does.",
    },
    stop: { name: "Stop at", hint: "One text a line; \\n is a line break." },
    stop_token_ids: { name: "Stop at tokens", hint: "Token ids, such as 11, 198." },
    logit_bias: {
      name: "Token bias",
      hint: "Token id and bias from −100 to 100, such as 318: -2.5, 262: 1.",
    },
    ignore_eos: { name: "Ignore the end token", hint: "The reply goes on until its longest." },
  },

  notices: {
    label: "Notices",
    SINGLE_THREAD:
      "Parley runs on one thread here: this page is not isolated from others. It answers the same, more slowly.",
    BUILD_FALLBACK: "The fastest build did not start in this browser. A slower one gives the same answers.",
    STORAGE_MEMORY:
      "This browser keeps nothing for this site. The model is downloaded again at the next visit.",
    chatNewer:
      "The conversations here were written by a newer version of Parley. They can be read and exported; what is said now is not kept.",
    chatBlocked:
      "Another tab has an older version of Parley open and keeps the conversations. Close that tab, and they appear here.",
    chatMemory: "This conversation cannot be stored on this device. It ends with the page.",
    offline: "You are offline. Parley works as before.",
    offlineWithout:
      "You are offline, and the model is not on this device yet. It loads once you are connected.",
    update: "A new version of Parley is ready.",
    updateAction: "Reload",
    unresponsive: (seconds: string) => `Parley has not answered for ${seconds}. Your conversation is safe.`,
    restart: "Restart",
    elsewhere: "Parley is open in another tab and runs there. It starts here when that tab is closed.",
    takeOver: "Use it here",
    memoryRefused: (bytes: string) => `This browser would not give ${bytes} for the model.`,
    storageLacks: (bytes: string) => `Free ${bytes} on this device and try again.`,
    smaller: "Use its 4-bit version",
    fallBack: (name: string) => `Use ${name}`,
    cancelled: "Loading was cancelled. What arrived is kept.",
  },

  failures: {
    NETWORK: {
      cause: "The model could not be downloaded: the connection failed.",
      next: "Check it and try again. What arrived is kept.",
    },
    HTTP_STATUS: { cause: "This site did not give the model's files.", next: "Try again later." },
    HASH_MISMATCH: {
      cause: "What arrived is not the model: its checksum differs.",
      next: "Try again. If this stays, something between you and this site changes downloads.",
    },
    CHECKSUM: { cause: "The stored model is damaged.", next: "Try again to fetch the damaged part." },
    STORAGE_FULL: {
      cause: "This browser would not give enough storage for the model.",
      next: "Free some space and try again.",
    },
    OOM: {
      cause: "This browser would not give enough memory for the model.",
      next: "Close other tabs and try again.",
    },
    UNSUPPORTED_BROWSER: {
      cause: "This browser lacks WebAssembly SIMD, which Parley needs.",
      next: "Use Chrome or Edge 91, Firefox 89, Safari 16.4, or newer.",
    },
    BUILD_FAILED: {
      cause: "The part of Parley that computes could not be started.",
      next: "Reload the page.",
    },
    BUILD_MISMATCH: { cause: "This page and its files are of different versions.", next: "Reload the page." },
    WORKER_CRASHED: {
      cause: "The part of Parley that computes stopped.",
      next: "It starts again by itself. The conversation is safe.",
    },
    CONTEXT_FULL: {
      cause: "This message is longer than Parley can read at once.",
      next: "Shorten it, or unpin an exchange, and send it again.",
    },
    NONFINITE: {
      cause: "The model's arithmetic went out of range.",
      next: "Try again with a lower temperature.",
    },
    CSP_BLOCKED: {
      cause: "This page may not fetch from that address.",
      next: "Download the file yourself and drop it here.",
    },
    NOT_FOUND: { cause: "There is no such model.", next: "Check its name." },
    UNSUPPORTED_MODEL: { cause: "Parley cannot run this model.", next: "Choose another." },
    BAD_ARG: { cause: "A setting is out of range.", next: "Reset it in Settings." },
    BAD_FILE: { cause: "The model's file is not one that Parley can read.", next: "Try again later." },
    other: { cause: "Something failed.", next: "Try again." },
  } satisfies Record<string, FailureText>,

  announce: {
    ready: "The model is ready.",
    stopped: "Stopped.",
    failed: (cause: string) => `The reply failed. ${cause}`,
  },
};
