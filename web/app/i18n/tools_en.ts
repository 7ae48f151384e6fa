// The tools in English. This table defines which texts there are: tools_zh.ts must have the same.

export const toolsEn = {
  diagnostics: {
    lead: "What this browser gives Parley. For a report of a fault: nothing of your conversations is in it.",
    test: "Self-test",
    testLead:
      "Has the bundled model continue two texts and compares every token with what other machines computed.",
    run: "Run the self-test",
    running: "Computing",
    passed: (tokens: string, rate: string) =>
      `Passed: ${tokens} tokens and their probabilities are those of every other machine. ${rate} tokens/s.`,
    differs: "This machine computes something else than others. Please report it, with the text below.",
    unavailable:
      "The self-test knows the bundled model only. Choose it in the model's panel and run the test again.",
    report: "Report",
    copyReport: "Copy the report",
  },

  help: {
    keys: "Keys",
    send: "Send the message",
    newline: "Start a new line",
    stop: "Stop the reply",
    newChat: "New chat",
    search: "Search the conversations",
    chats: "Show or hide the conversations",
    editLast: "Edit the last message, in an empty field",
    help: "This help",
    or: "or",
    private: "Where things are",
    privateText:
      "The model runs in this page and everything is kept on this device. Only models are ever fetched, from where you say.",
    small: "What to expect",
    smallText:
      "These are small models. They are quick and make mistakes; a new seed or a lower temperature often helps.",
    offline: "Without a connection",
    offlineText:
      "After the first visit the page works offline. Where the browser offers to install it, installing also lets it keep the model.",
  },

  options: "Options",
  stop: "Stop",
  waiting: "Waiting for the model",
  writing: "Writing",
  stopped: "stopped",
  cut: "cut at its limit",
  nothing: "The model said nothing.",
  tokens: (count: string) => `${count} ${count === "1" ? "token" : "tokens"}`,
  rate: (rate: string) => `${rate}/s`,
  seed: (seed: string) => `seed ${seed}`,

  completion: {
    label: "Document",
    placeholder: "Write a beginning",
    continue: "Continue",
    undo: "Undo",
    redo: "Redo",
    clear: "Clear",
    classic: "Hello, how are you?",
    classicHint: "Has the model continue these words, always with its likeliest token, up to 100 tokens.",
    cut: "The document is longer than the model can read. It continued from its end.",
    tooLong: "The document is as long as this page keeps one. Shorten it to go on.",
    lead: "The model continues what stands here, as it is. Ctrl+Enter or Cmd+Enter continues, Esc stops.",
    share: "Share this run",
  },

  compare: {
    prompt: "Prompt",
    kind: "The prompt is",
    kinds: { chat: "a message", completion: "a text to continue" },
    run: "Compare",
    first: "First",
    second: "Second",
    model: "Model",
    inUse: (name: string) => `The one in use, ${name}`,
    toDownload: (name: string, bytes: string) => `${name}, ${bytes} to download`,
    returning: (name: string) => `Loading ${name} again`,
    running: (side: string) => `${side} is writing, the other one waits for its turn.`,
    lead: "Both write with the same seed, one after the other.",
  },

  run: {
    lead: "A run is a model, words, options and a seed. It gives the same text on every machine. Nothing is sent: all of it is in the link or the file.",
    file: "Open a file",
    start: "Run",
    model: "Model",
    options: "Options",
    prompt: "Text to continue",
    roles: { system: "System text", user: "You", assistant: "Parley" },
    hash: (hash: string) => `SHA-256 ${hash}`,
    noHash: "its files have no known hash",
    context: (tokens: string) => `context ${tokens} tokens`,
    load: "Running it loads this model in place of the one in use.",
    download: (bytes: string, host: string) =>
      `Running it downloads this model${bytes === "" ? "" : `, about ${bytes},`} from ${host}.`,
    thisSite: "this site",
    changed: "The model of this name has other weights here, so the text may be another.",
    otherContext: (tokens: string) =>
      `This model has a context of ${tokens} tokens here, so the text may be another.`,
    same: "The same text, byte for byte.",
    other: "Another text than the one that was shared.",
    copyLink: "Copy the link",
    save: "Save as a file",
    tooLong: "This run is too long for a link. Save it as a file.",
    result: "Result",
    errors: {
      BAD_LINK: {
        cause: "This link is cut off or changed.",
        next: "Copy it again, whole, from where it came from.",
      },
      BAD_JSON: { cause: "This file is no run of Parley's.", next: "Choose a file that Parley saved." },
      BAD_RUN: { cause: "This is no run that Parley can do.", next: "Ask for it to be shared again." },
      BAD_VERSION: {
        cause: "This run was shared by a later version of Parley.",
        next: "Reload the page to get the new version.",
      },
      LIMIT: { cause: "This run is larger than Parley takes.", next: "Share a shorter conversation." },
    },
  },
};
